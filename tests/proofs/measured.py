"""A worker in miniature: a process that executes one run and tells the most memory that it took.

python -m tests.proofs.measured RUN_ID
"""

import sys
from pathlib import Path

from redis import Redis

from ingest.catalog import catalog
from ingest.db import engine
from ingest.execute import execute
from ingest.log import configure
from ingest.settings import settings


def peak() -> int:
    """The most memory of this process so far, in bytes.

    Linux's own count: that of getrusage begins with what the process took that started this one.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Execute the run of the command line and print the bytes; what went wrong is in the run's row."""
    configure("CRITICAL")
    broker = Redis.from_url(settings().redis_url)
    execute(engine(), broker, catalog(), settings(), int(sys.argv[1]), worker="memory")
    sys.stdout.write(f"{peak()}\n")


if __name__ == "__main__":
    main()
