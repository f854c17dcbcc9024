"""Someone who asks for the slots that are due: each line of input is a moment, each of output how many runs.

python -m tests.faults.slots
"""

import sys
from datetime import datetime

from ingest.catalog import catalog
from ingest.db import engine
from ingest.upkeep import request_due


def main() -> None:
    """Ask at each moment, as soon as it is read."""
    with engine().connect():
        sys.stdout.write("ready\n")
    sys.stdout.flush()
    for moment in sys.stdin:
        made = request_due(engine(), catalog().sources.values(), datetime.fromisoformat(moment.strip()))
        sys.stdout.write(f"{len(made)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
