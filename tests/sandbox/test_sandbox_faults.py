"""Each fault does what it says, to the requests that the plan names and to no other."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from local.sandbox.app import create_app
from local.sandbox.faults import BadPlan, FaultPlan
from local.sandbox.text import decode
from local.sandbox.world import World

MARKETS = "/api/v3/coins/markets?vs_currency=usd"
TICKERS = "/v1/tickers"


def gecko(*steps: dict[str, Any]) -> FlaskClient:
    client = create_app("coingecko", World(size=40), limit=0).test_client()
    assert client.put("/_sandbox/faults", json=list(steps)).status_code == 200
    return client


def spoiled(*steps: dict[str, Any]) -> list[Any]:
    return decode(gecko(*steps).get(MARKETS).data)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
def test_status(status: int) -> None:
    answer = gecko({"do": "status", "status": status}).get(MARKETS)

    assert answer.status_code == status
    assert "Retry-After" not in answer.headers
    assert set(answer.json) <= {"status", "error"}


def test_retry_after_in_seconds() -> None:
    answer = gecko({"do": "status", "status": 429, "retry_after": 119}).get(MARKETS)

    assert answer.headers["Retry-After"] == "119"


def test_retry_after_as_a_date() -> None:
    answer = gecko({"do": "status", "status": 503, "retry_after_date": 60}).get(MARKETS)

    ahead = parsedate_to_datetime(answer.headers["Retry-After"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < ahead <= timedelta(seconds=60)


@pytest.mark.parametrize("status", [200, 503])
def test_html(status: int) -> None:
    answer = gecko({"do": "html", "status": status}).get(MARKETS)

    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_empty() -> None:
    answer = gecko({"do": "empty"}).get(MARKETS)

    assert (answer.status_code, answer.data) == (200, b"")


def test_truncated() -> None:
    answer = gecko({"do": "truncated"}).get(MARKETS)

    assert answer.content_length == len(answer.data)
    with pytest.raises(ValueError, match="line 1"):
        decode(answer.data)


def test_content_type() -> None:
    answer = gecko({"do": "content_type", "value": "text/csv"}).get(MARKETS)

    assert answer.mimetype == "text/csv"
    assert len(decode(answer.data)) == 40


def test_drift_of_all_numbers() -> None:
    record = spoiled({"do": "drift"})[0]

    assert record["current_price"] == "87077.69661924685"
    assert record["market_cap_rank"] == "1"


def test_drift_of_named_fields() -> None:
    records = spoiled({"do": "drift", "fields": ["current_price", "symbol"], "first": 1})

    assert (records[0]["current_price"], records[0]["symbol"]) == ("87077.69661924685", 3)
    assert records[1]["symbol"] == "eth"


def test_nulls() -> None:
    assert {record["id"] for record in spoiled({"do": "nulls", "fields": ["id"]})} == {None}


def test_nan() -> None:
    records = spoiled({"do": "nan", "fields": ["market_cap"], "value": "Infinity", "first": 2})

    assert [record["market_cap"] for record in records[:2]] == ["Infinity", "Infinity"]
    assert records[2]["market_cap"] != "Infinity"


def test_rename() -> None:
    record = spoiled({"do": "rename", "field": "current_price", "to": "currentPrice"})[0]

    assert "current_price" not in record
    assert "currentPrice" in record


def test_rename_reaches_nested_fields() -> None:
    client = create_app("coinpaprika", World(size=40), limit=0).test_client()
    client.put("/_sandbox/faults", json=[{"do": "rename", "field": "price", "to": "last"}])

    assert "last" in client.get(f"{TICKERS}/btc-bitcoin").json["quotes"]["USD"]


def test_extra_records() -> None:
    assert spoiled({"do": "extra"})[40:] == [{}, {"id": None, "name": None}, "text", 42, None, []]
    assert spoiled({"do": "extra", "records": [{"id": ""}]})[40:] == [{"id": ""}]


def test_spoiling_leaves_other_numbers_exact() -> None:
    clean = {record["id"]: record["current_price"] for record in spoiled()}

    assert {
        record["id"]: record["current_price"] for record in spoiled({"do": "nulls", "fields": ["ath"]})
    } == clean


def test_tick_reshuffles_between_pages() -> None:
    world = World()
    client = create_app("coingecko", world, limit=0).test_client()
    client.put("/_sandbox/faults", json=[{"do": "tick", "count": 0}])

    pages = [client.get(f"{MARKETS}&page={number}").json for number in range(1, 25)]
    ids = [record["id"] for page in pages for record in page]

    assert world.ticks == 24
    assert len(set(ids)) < len(ids)


def test_nth_and_count() -> None:
    client = gecko({"do": "status", "status": 500, "nth": 2, "count": 2})

    assert [client.get(MARKETS).status_code for _ in range(4)] == [200, 500, 500, 200]


def test_count_zero_never_ends() -> None:
    client = gecko({"do": "empty", "count": 0})

    assert {client.get(MARKETS).data for _ in range(5)} == {b""}


def test_path_narrows_a_step() -> None:
    client = gecko({"do": "status", "status": 500, "path": "/api/v3/coins"})

    assert [client.get(path).status_code for path in ("/api/v3/ping", MARKETS)] == [200, 500]


def test_steps_add_up() -> None:
    client = gecko({"do": "status", "status": 503}, {"do": "content_type", "value": "text/plain"})

    answer = client.get(MARKETS)

    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert client.get("/_sandbox/requests").json[0]["faults"] == ["status", "content_type"]


def test_plan_shows_and_clears() -> None:
    client = gecko({"do": "empty"})
    client.get(MARKETS)

    (step,) = client.get("/_sandbox/faults").json

    assert (step["do"], step["seen"], step["struck"]) == ("empty", 1, 1)
    assert client.delete("/_sandbox/faults").json == []


@pytest.mark.parametrize(
    "step",
    [{}, "text", {"do": "explode"}, {"do": "status"}, {"do": "empty", "x": 1}, {"do": "empty", "nth": "1"}],
)
def test_bad_plan_is_refused(step: Any) -> None:
    client = gecko({"do": "empty"})

    assert client.put("/_sandbox/faults", json=[step]).status_code == 400
    assert [item["do"] for item in client.get("/_sandbox/faults").json] == ["empty"]
    with pytest.raises(BadPlan):
        FaultPlan().set([step])
