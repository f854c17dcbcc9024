"""A worker in miniature that executes many runs and tells after each so many what it holds.

python -m tests.proofs.leaking SOURCE RUNS EVERY
"""

import gc
import json
import os
import sys
import threading
from pathlib import Path

from ingest import runs
from ingest.catalog import catalog
from ingest.db import engine
from ingest.execute import execute
from ingest.heartbeat import connect
from ingest.log import configure
from ingest.settings import settings


def held() -> dict[str, int]:
    """Open files, threads, and bytes of memory in use now; what waits for its collection is no leak."""
    gc.collect()
    status = Path("/proc/self/status").read_text().splitlines()
    [resident] = (int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    files = len(os.listdir("/proc/self/fd"))
    return {"files": files, "threads": threading.active_count(), "memory": resident * 1024}


def main(source: str, most: int, every: int) -> None:
    """Request and execute runs as the task `run` does, one after the other."""
    configure("CRITICAL")
    for number in range(1, most + 1):
        with engine().begin() as tx:
            run_id = runs.request(tx, source, trigger="cli", mode="full").run_id
        with connect(settings().redis_url, timeout=5) as broker:
            outcome = execute(engine(), broker, catalog(), settings(), run_id, worker="leaking")
        if number % every == 0:
            sys.stdout.write(json.dumps({"runs": number, "outcome": outcome, **held()}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
