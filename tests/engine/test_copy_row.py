"""One row by COPY's binary format is read back as it was."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text

from ingest.copy_row import copy_row

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


@pytest.mark.parametrize("row", ROWS)
def test_row_is_read_back(engine, row):
    with engine.begin() as tx:
        tx.execute(
            text(
                "CREATE TABLE one_of_each (number bigint, words text, bytes bytea, document jsonb,"
                " moment timestamptz, other bigint DEFAULT 7)"
            )
        )
        copy_row(tx, "one_of_each", row)
        found = tx.execute(text("SELECT * FROM one_of_each")).one()._asdict()

    assert found | {"bytes": bytes(found["bytes"])} == row | {"other": 7}
