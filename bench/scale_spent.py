"""What a run has spent: processors, WAL, commands of Redis, all counted from the beginning."""

import psutil
from redis import Redis as Client
from sqlalchemy import Engine, text


def spent(
    engine: Engine, postgres: psutil.Process, worker: psutil.Process, client: "Client"
) -> dict[str, float]:
    """Seconds of processors, megabytes of WAL and commands of Redis, from the beginning."""
    with engine.connect() as connection:
        wal = connection.scalar(text("SELECT pg_current_wal_lsn() - '0/0'"))
    return {
        "worker_cpu_seconds": _cpu(worker),
        "postgres_cpu_seconds": _cpu(postgres),
        "wal_mb": float(wal) / 1e6,
        "redis_commands": client.info("stats")["total_commands_processed"],
        "messages": client.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0),
    }


def _cpu(process: psutil.Process) -> float:
    """Of the process and its children, those that have ended included."""
    own = process.cpu_times()
    spent = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent
