"""What a run has spent: processors, WAL, commands of Redis, all counted from the beginning."""

import psutil
from redis import Redis as Client
from sqlalchemy import Engine, text

from bench.cpu import cpu_seconds


def spent(
    engine: Engine, postgres: psutil.Process, worker: psutil.Process, client: "Client"
) -> dict[str, float]:
    """Seconds of processors, megabytes of WAL and commands of Redis, from the beginning."""
    with engine.connect() as connection:
        wal = connection.scalar(text("SELECT pg_current_wal_lsn() - '0/0'"))
    return {
        "worker_cpu_seconds": cpu_seconds(worker),
        "postgres_cpu_seconds": cpu_seconds(postgres),
        "wal_mb": float(wal) / 1e6,
        "redis_commands": client.info("stats")["total_commands_processed"],
        "messages": client.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0),
    }
