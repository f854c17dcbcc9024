"""What stands in a table, as one number that does not depend on the order of its rows.

PostgreSQL's own hash of a row: equal numbers are equal however they are written, and so are equal times.
"""

from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from bench.floor import DATA, make

TYPES = {
    "id": "text",
    "name": "text",
    "symbol": "text",
    "category": "text",
    "price": "numeric",
    "market_cap": "numeric",
    "volume": "numeric",
    "rank": "bigint",
    "is_active": "boolean",
    "updated_at": "timestamptz",
}
# The hash of a row adds up the hashes of its values, so two rows that swapped a value would go unnoticed in a
# sum: each is hashed once more.
DIGEST = """
    SELECT count(*), coalesce(sum(hashint8extended(hash_record_extended(ROW({row}), 0), 1)), 0) FROM {table}
"""
# How tables of ours and of the floor call two of the columns.
OURS = {"id": "key", "updated_at": "updated"}


@dataclass(frozen=True)
class Content:
    """How many rows stand, and the sum of their hashes."""

    rows: int
    digest: int


def content(db: Connection, table: str, names: dict[str, str]) -> Content:
    """Read the whole table; `names` are its words for columns where they differ."""
    values = [
        sql.SQL("{}::text::{}").format(sql.Identifier(names.get(column, column)), sql.SQL(kind))
        for column, kind in TYPES.items()
    ]
    query = sql.SQL(DIGEST).format(row=sql.SQL(", ").join(values), table=sql.Identifier(*table.split(".")))
    with db.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute(query)
        row = cursor.fetchone()
    assert row is not None, "an aggregate gives one row"
    return Content(*map(int, row))


def of_file(db: Connection, clean: Path) -> Content:
    """What a table holds when exactly the rows of a clean file stand in it."""
    make(db, "oracle")
    with db.cursor() as cursor, clean.open() as file:
        cursor.copy_expert(f"COPY oracle ({DATA}) FROM STDIN CSV HEADER", file)
    return content(db, "oracle", OURS)
