"""dlt, by its own interpreter: `python dlt_load.py FORM URL CSV WORK`; FORM is arrow or objects.

Both forms upsert by MERGE, leave unchanged rows alone, write few large files, and get the unique index on
the key that dlt does not make. arrow: pyarrow reads the file, ADBC copies parquet. objects: dicts, as a REST
source yields them, copied as CSV.
"""

import csv
import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "SOURCES__DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "200000",
    "NORMALIZE__WORKERS": "1",
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "200000",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "LOAD__WORKERS": "8",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "RESTORE_FROM_DESTINATION": "false",
}
FORM, URL, PATH, WORK = sys.argv[1:]
os.environ.update(SETTINGS, DLT_DATA_DIR=WORK)

import dlt  # noqa: E402  # reads its settings while it is imported
import psycopg2  # noqa: E402
import pyarrow as pa  # noqa: E402
from pyarrow import csv as arrow_csv  # noqa: E402

ARROW = {
    "id": pa.string(),
    "name": pa.string(),
    "symbol": pa.string(),
    "category": pa.string(),
    "price": pa.decimal128(24, 6),
    "market_cap": pa.decimal128(24, 2),
    "volume": pa.decimal128(24, 2),
    "rank": pa.int64(),
    "is_active": pa.bool_(),
    "updated_at": pa.timestamp("us", "UTC"),
}
COLUMNS: Any = {
    "price": {"data_type": "decimal"},
    "market_cap": {"data_type": "decimal"},
    "volume": {"data_type": "decimal"},
    "rank": {"data_type": "bigint"},
    "is_active": {"data_type": "bool"},
    "updated_at": {"data_type": "timestamp"},
}
INDEX = "CREATE UNIQUE INDEX IF NOT EXISTS coins_key ON bench.coins (id)"
MERGE: Any = {"disposition": "merge", "strategy": "upsert", "skip_unchanged_rows": True}


@dlt.resource(name="coins", primary_key="id", write_disposition=MERGE)
def arrow() -> Iterator[Any]:
    """Tables of some ten thousand rows."""
    reading = arrow_csv.ReadOptions(block_size=16 * 1024**2)
    converting = arrow_csv.ConvertOptions(column_types=ARROW)
    with arrow_csv.open_csv(PATH, read_options=reading, convert_options=converting) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


@dlt.resource(name="coins", primary_key="id", write_disposition=MERGE, columns=COLUMNS)
def objects() -> Iterator[Any]:
    """Lists of dicts."""
    with open(PATH, newline="") as file:
        rows = csv.DictReader(file)
        while some := list(islice(rows, 10_000)):
            yield some


def main() -> None:
    """Load the file and tell the seconds."""
    began = time.perf_counter()
    # dlt wants a password, which a server that trusts its own machine does not ask for.
    destination = dlt.destinations.postgres(URL.replace("@", ":none@"), create_indexes=False)
    pipeline = dlt.pipeline("bench", pipelines_dir=WORK, destination=destination, dataset_name="bench")
    if FORM == "arrow":
        pipeline.run(arrow(), loader_file_format="parquet")
    else:
        pipeline.run(objects(), loader_file_format="csv")
    with psycopg2.connect(URL) as db, db.cursor() as cursor:
        cursor.execute(INDEX)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    main()
