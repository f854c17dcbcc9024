"""Ours: one run as a worker executes it, in a process of its own: `python -m bench.ours MODE`.

The clock starts when everything is imported, the catalogue is read and the run is requested: what a worker
that waits has behind it. Redis is asked for the lock and the quota as always.
"""

import json
import sys
import time

from redis import Redis
from sqlalchemy import func, select

from bench.declared import SOURCE
from ingest import runs
from ingest.catalog import catalog
from ingest.claims import COUNTERS
from ingest.db import engine
from ingest.execute import execute
from ingest.log import configure
from ingest.settings import settings
from models import RawPage, Run


def main() -> None:
    """Request a run and execute it; tell its seconds, its end and its counts."""
    configure("CRITICAL")
    declared, broker = catalog(), Redis.from_url(settings().redis_url)
    with engine().begin() as tx:
        run_id = runs.request(tx, SOURCE, trigger="cli", mode=sys.argv[1]).run_id
    began = time.perf_counter()
    execute(engine(), broker, declared, settings(), run_id, worker="bench")
    seconds = time.perf_counter() - began
    pages = select(func.sum(RawPage.size), func.sum(func.length(RawPage.body))).where(
        RawPage.run_id == run_id
    )
    with engine().connect() as connection:
        row = connection.execute(select(Run).where(Run.id == run_id)).one()
        size, kept = connection.execute(pages).one()
    told = {
        "seconds": seconds,
        "state": row.state,
        "error": row.error_message,
        "counts": {name: getattr(row, name) for name in COUNTERS},
        "raw_bytes": int(size or 0),
        "raw_kept": int(kept or 0),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
