"""CSV and NDJSON: everything in constant memory, and a failure that nobody can overlook."""

import csv
import io
import json
import tracemalloc
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.web.seeding import NOON, Seed
from webapp import export
from webapp.queries import items


def rows_of(reply: Any) -> list[list[str]]:
    """The cells of a CSV reply."""
    return list(csv.reader(io.StringIO(reply.text)))


def test_csv_has_all_rows(client: FlaskClient, seed: Seed) -> None:
    ids = seed.items(2500)

    reply = client.get("/data?format=csv&fields=id,symbol")

    header, *rows = rows_of(reply)
    assert header == ["id", "symbol"]
    assert [int(row[0]) for row in rows] == ids
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "items.csv" in reply.headers["Content-Disposition"]
    assert "ETag" not in reply.headers


def test_ndjson_equals_json(client: FlaskClient, seed: Seed) -> None:
    seed.items(1200, price=lambda n: Decimal(n) / 8, details={"a": [1, None]}, active=True, observed_at=NOON)

    lines = [json.loads(line) for line in client.get("/data?format=ndjson").text.splitlines()]
    pages = client.get("/data?limit=1000").json
    rest = client.get(f"/data?limit=1000&cursor={pages['page']['next_cursor']}").json

    assert lines == pages["data"] + rest["data"]


def test_cells(client: FlaskClient, seed: Seed) -> None:
    seed.item(
        symbol='a,"b"\nc',
        price=Decimal("1E-12"),
        rank=-5,
        ratio=0.1,
        active=False,
        listed=date(2020, 1, 2),
        observed_at=NOON,
        details={"b": 1, "a": "é"},
    )
    columns = "symbol,price,rank,ratio,active,listed,observed_at,details,name"

    _, row = rows_of(client.get(f"/data?format=csv&fields={columns}"))

    assert row == [
        'a,"b"\nc',
        "0.000000000001",
        "-5",
        "0.1",
        "false",
        "2020-01-02",
        "2026-01-02T12:00:00Z",
        '{"a":"é","b":1}',
        "",
    ]


def test_formulas_are_disarmed(client: FlaskClient, seed: Seed) -> None:
    dangerous = ["=1+1", "+1", "-1", "@x", "\tx"]
    for symbol in dangerous:
        seed.item(symbol=symbol, rank=-1)

    plain = rows_of(client.get("/data?format=csv&fields=symbol,rank"))
    safe = rows_of(client.get("/data?format=csv&fields=symbol,rank&csv_safe=1"))

    assert [row[0] for row in plain[1:]] == dangerous
    assert [row[0] for row in safe[1:]] == ["'" + symbol for symbol in dangerous]
    assert {row[1] for row in safe[1:]} == {"-1"}


def test_filter_and_order_apply(client: FlaskClient, seed: Seed) -> None:
    seed.items(4, rank=lambda n: None if n % 2 else n)

    ranks = [row[0] for row in rows_of(client.get("/data?format=csv&fields=rank&sort=-rank"))[1:]]

    assert ranks == [*sorted(filter(None, ranks), key=int, reverse=True), "", ""]


def test_a_limit_makes_a_page(client: FlaskClient, seed: Seed) -> None:
    ids = seed.items(5)
    seen, url = [], "/data?format=csv&fields=id&limit=2"
    while url:
        reply = client.get(url)
        seen += [int(row[0]) for row in rows_of(reply)[1:]]
        url = reply.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert seen == ids


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_nothing_found(client: FlaskClient, format: str) -> None:
    reply = client.get(f"/data?format={format}&fields=id")

    assert (reply.status_code, reply.text) == (200, "id\r\n" if format == "csv" else "")


def test_stream_sees_one_moment(client: FlaskClient, seed: Seed) -> None:
    ids = seed.items(2100)
    reply = client.get("/data?format=ndjson&fields=id", buffered=False)
    chunks = reply.iter_encoded()
    lines = next(chunks)

    seed.items(50)
    with seed.engine.begin() as tx:
        tx.execute(text("DELETE FROM items WHERE id = :last"), {"last": ids[-1]})
    lines += b"".join(chunks)

    assert [json.loads(line)["id"] for line in lines.splitlines()] == ids


def test_failing_stream_breaks(client: FlaskClient, seed: Seed) -> None:
    """The error reaches the server, which then closes the connection without the last chunk."""
    seed.items(5000)
    reply = client.get("/data?format=csv&fields=id,symbol", buffered=False)
    chunks = reply.iter_encoded()
    next(chunks), next(chunks)

    seed.end_connections("kasparro-web")

    with pytest.raises(Exception, match=r"terminat|closed"):
        list(chunks)


def test_abandoned_stream_gives_its_connection_back(app: Flask, client: FlaskClient, seed: Seed) -> None:
    seed.items(3000)
    for _ in range(20):
        reply = client.get("/data?format=csv", buffered=False)
        next(reply.iter_encoded())
        reply.close()

    with app.app_context():
        assert app.extensions["sqlalchemy"].engine.pool.checkedout() == 0


def test_memory_stays_flat(app: Flask, client: FlaskClient, seed: Seed) -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        reply = client.get(f"/data?format=ndjson&id__lte={seed.items(1)[0]}", buffered=False)
        assert sum(chunk.count(b"\n") for chunk in reply.iter_encoded()) >= rows
        reply.close()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    seed.items(2000)
    few = peak(2000)
    with seed.engine.begin() as tx:
        copy = "INSERT INTO items (source, key, content_hash, raw_id, raw_index, run_id, symbol)"
        rows = "SELECT 'prices', 'c' || n, gen_random_uuid(), 1, 0, 1, 'C' FROM generate_series(1, 40000) n"
        tx.execute(text(f"{copy} {rows}"))

    assert peak(40000) < few * 2


def test_writers_cover_the_formats() -> None:
    assert {"json", *export.WRITERS} == set(export.MEDIA_TYPES)
    assert items.CHUNK == 1000
