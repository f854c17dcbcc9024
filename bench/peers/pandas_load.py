"""pandas and SQLAlchemy by hand, by their own interpreter: `python pandas_load.py URL CSV`.

The recipe that people arrive at: chunks by read_csv, to_sql into a staging table through COPY (the `method`
that pandas' own documentation shows), then INSERT … ON CONFLICT where a row differs, in one transaction.
"""

import csv
import io
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

import pandas as pd
from sqlalchemy import create_engine, text

COLUMNS = (
    "id",
    "name",
    "symbol",
    "category",
    "price",
    "market_cap",
    "volume",
    "rank",
    "is_active",
    "updated_at",
)
TABLE = """
    CREATE TABLE IF NOT EXISTS coins (
      id text PRIMARY KEY, name text, symbol text, category text, price numeric, market_cap numeric,
      volume numeric, rank bigint, is_active boolean, updated_at timestamptz)
"""
STAGE = "CREATE TEMP TABLE staged (LIKE coins) ON COMMIT DROP"
MERGE = """
    INSERT INTO coins AS c SELECT {all} FROM staged ON CONFLICT (id) DO UPDATE SET {assignments}
     WHERE ({old}) IS DISTINCT FROM ({new})
""".format(
    all=", ".join(COLUMNS),
    assignments=", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:]),
    old=", ".join(f"c.{name}" for name in COLUMNS),
    new=", ".join(f"excluded.{name}" for name in COLUMNS),
)


def copied(table: Any, connection: Any, keys: list[str], rows: Iterable[Any]) -> None:
    """The `method` of to_sql that pandas' documentation gives for PostgreSQL."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table.name} ({', '.join(keys)}) FROM STDIN WITH CSV", buffer)


def main() -> None:
    """Load the file and tell the seconds."""
    url, path = sys.argv[1:]
    began = time.perf_counter()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.begin() as tx:
        tx.execute(text(TABLE))
        tx.execute(text(STAGE))
        # As text: floats would round the prices, and the symbol NULL would be none.
        for chunk in pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=100_000):
            chunk.to_sql("staged", tx, if_exists="append", index=False, method=copied)
        tx.execute(text("ANALYZE staged"))
        tx.execute(text(MERGE))
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    main()
