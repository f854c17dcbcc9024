"""What keeping the raw bytes of a file costs by itself: `python -m bench.raw URL FILE`.

What the engine does for each page: SHA-256, zstd, one row, one commit; one page after another.
"""

import json
import sys
import time
from pathlib import Path

from sqlalchemy import create_engine, text

from ingest.copy_rows import copy_rows
from ingest.packed import pack

PAGE = 3 * 1024**2
TABLE = "raw_by_hand"
COLUMNS = "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sha256 bytea, body bytea"


def main() -> None:
    """Keep the file and tell the seconds and the bytes."""
    url, path = sys.argv[1:]
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.begin() as tx:
        tx.execute(text(f"CREATE TABLE {TABLE} ({COLUMNS})"))
    began, size = time.perf_counter(), 0
    with Path(path).open("rb") as file:
        while page := file.read(PAGE):
            packed = pack(page)
            with engine.begin() as tx:
                copy_rows(tx, TABLE, [{"sha256": packed.sha256, "body": packed.body}])
            size += len(packed.body)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "bytes": size}) + "\n")


if __name__ == "__main__":
    main()
