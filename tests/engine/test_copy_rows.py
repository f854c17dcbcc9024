"""Rows by COPY's binary format are read back as they were."""

from datetime import UTC, datetime, timedelta, timezone
from operator import itemgetter

from sqlalchemy import text

from ingest.copy_rows import copy_rows

ROWS = [
    {"number": 0, "words": "", "bytes": b"", "document": {}, "moment": datetime(2000, 1, 1, tzinfo=UTC)},
    {
        "number": -(2**63),
        "words": 'é 😀 \\N \t"',
        "bytes": bytes(range(256)),
        "document": {"a": [1, None, "é"], "b": {"c": 1.5}},
        "moment": datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    },
    {
        "number": 2**63 - 1,
        "words": "x" * 100_000,
        "bytes": b"\xff" * 3_000_000,
        "document": {"k": "v" * 10_000},
        "moment": datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    },
]


def test_rows_are_read_back(engine):
    with engine.begin() as tx:
        tx.execute(
            text(
                "CREATE TABLE one_of_each (number bigint, words text, bytes bytea, document jsonb,"
                " moment timestamptz, other bigint DEFAULT 7)"
            )
        )
        copy_rows(tx, "one_of_each", ROWS)
        found = [row._asdict() for row in tx.execute(text("SELECT * FROM one_of_each ORDER BY number"))]

    rows = sorted(ROWS, key=itemgetter("number"))
    assert [row | {"bytes": bytes(row["bytes"])} for row in found] == [row | {"other": 7} for row in rows]
