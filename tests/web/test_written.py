"""What PostgreSQL writes is what `webapp.wire` writes, to the byte; but for the exponent of large floats."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.web.rows import TOKEN
from tests.web.seeding import Seed
from webapp import create_app
from webapp.database import db
from webapp.wire import json_bytes, text_of

CONTROLS = "".join(map(chr, range(1, 32))) + "\x7f\x80\u2028\ufeff"
VALUES: dict[str, list[Any]] = {
    "symbol": ["", "é 😀", '"quoted" \\ /', CONTROLS, "%s %(x)s %%", "null", ":name", "{0}"],
    "price": [Decimal("0"), Decimal("1E-12"), Decimal("-0.10"), Decimal("1E+30"), Decimal(9) ** 40],
    "rank": [0, -(2**63), 2**63 - 1],
    "ratio": [0.0, -0.0, 1.0, 0.1, -2.5, 123456789.0, 5e-324],
    "active": [True, False],
    "listed": [date(1, 1, 1), date(9999, 12, 31)],
    "observed_at": [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 120_000, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    "details": [
        {"a b": [1, None, True], "c": {"d": "e : , f"}},
        ["x\\", '"', " "],
        "text",
        {},
        {"n": 1.5, "\\": "\t"},
    ],
    "token": [TOKEN],
}
CASES = [(name, value) for name, values in VALUES.items() for value in values]
CASES += [(name, None) for name in VALUES if name != "symbol"]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_json_and_cell(client: FlaskClient, seed: Seed, name: str, value: Any) -> None:
    seed.item(**{name: value})
    with create_app().app_context():
        stored = db.session.scalar(select(seed.items_table.c[name]))

    text = client.get(f"/data?fields={name}").data
    cells = client.get(f"/data?fields={name}&format=csv").text

    assert text.startswith(b'{"data":[' + json_bytes({name: stored}) + b"]")
    assert list(csv.reader(io.StringIO(cells, newline="")))[1:] == [[text_of(stored) or ""]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_word_for(client: FlaskClient, seed: Seed, value: float) -> None:
    seed.item(ratio=value)

    assert client.get("/data?fields=ratio").json["data"] == [{"ratio": None}]


@pytest.mark.parametrize("value", [1e15, -1.5e300, 123456789012345678.0])
def test_large_float_is_the_same_number(client: FlaskClient, seed: Seed, value: float) -> None:
    """From 1e15 on it has an exponent, which Python writes from 1e16 on."""
    seed.item(ratio=value)

    [row] = client.get("/data?fields=ratio").json["data"]
    [_, [cell]] = csv.reader(io.StringIO(client.get("/data?fields=ratio&format=csv").text))

    assert type(row["ratio"]) is float
    assert row["ratio"] == float(cell) == value
