"""What keeping the raw bytes of a file costs by hand: `python -m bench.raw URL FILE`.

The same work as the engine does for each page: SHA-256, zstd, one row, one commit, one page after another.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import psycopg2
import zstandard

PAGE = 4 * 1024**2
TABLE = (
    "CREATE TABLE raw_by_hand (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sha256 bytea, body bytea)"
)


def main() -> None:
    """Keep the file and tell the seconds and the bytes."""
    url, path = sys.argv[1:]
    began, size = time.perf_counter(), 0
    db = psycopg2.connect(url)
    with db.cursor() as cursor, Path(path).open("rb") as file:
        cursor.execute(TABLE)
        while page := file.read(PAGE):
            body = zstandard.ZstdCompressor(level=3).compress(page)
            values = (hashlib.sha256(page).digest(), psycopg2.Binary(body))
            cursor.execute("INSERT INTO raw_by_hand (sha256, body) VALUES (%s, %s)", values)
            db.commit()
            size += len(body)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "bytes": size}) + "\n")


if __name__ == "__main__":
    main()
