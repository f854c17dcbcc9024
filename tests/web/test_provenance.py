"""GET /data/<id> and /data/<id>/raw: one row, and the exact record that it came from."""

import hashlib

import pytest
from flask.testing import FlaskClient

from tests.web.seeding import NOON, Seed

RECORDS = [b'{"id":"btc","symbol":"btc","price":1.10}', '{"id":"é","symbol":"ada"}'.encode()]
BODY = b"[\n  " + b",\n  ".join(RECORDS) + b"\n]"


@pytest.fixture
def client(keyed: FlaskClient) -> FlaskClient:
    """Raw pages are shown to those who have a key."""
    return keyed


@pytest.fixture
def ids(seed: Seed) -> list[int]:
    """Two items of one raw page."""
    raw = seed.raw(BODY, records=2)
    return [seed.item(raw_id=raw, raw_index=index) for index in (0, 1)]


def test_one_item_in_full(client: FlaskClient, seed: Seed) -> None:
    id = seed.item(symbol="BTC", price=1, deleted_at=NOON)

    row = client.get(f"/data/{id}").json["data"]

    assert (row["id"], row["symbol"], row["deleted_at"]) == (id, "BTC", "2026-01-02T12:00:00Z")
    assert {"raw_id", "raw_index", "content_hash", "run_id"} <= set(row)


def test_item_of_another_dataset(client: FlaskClient, seed: Seed) -> None:
    id = seed.note(symbol=1)

    assert client.get(f"/data/{id}?dataset=notes").json["data"]["symbol"] == 1
    assert client.get(f"/data/{id}?dataset=nodes").status_code == 422
    assert client.get(f"/data/{id}/raw?dataset=nodes").status_code == 422


def test_record_text(client: FlaskClient, ids: list[int]) -> None:
    """Its own text, as far as the decoder keeps it: numbers as they were sent, letters as they are."""
    first, second = (client.get(f"/data/{id}/raw").json for id in ids)

    assert '"price":1.10' in first["record"].replace(" ", "")
    assert '"é"' in second["record"]
    assert (first["raw_index"], second["raw_index"]) == (0, 1)


def test_page_of_a_record(client: FlaskClient, ids: list[int]) -> None:
    page = client.get(f"/data/{ids[0]}/raw").json["page"]

    assert page["request"] == {"method": "GET", "url": "https://api.example.com/v1/prices", "status": 200}
    assert page["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert (page["media_type"], page["size"], page["records"]) == ("application/json", len(BODY), 2)
    assert page["fetched_at"] == "2026-01-02T12:00:00Z"


def test_whole_page_byte_for_byte(client: FlaskClient, ids: list[int]) -> None:
    reply = client.get(f"/data/{ids[1]}/raw?download=page")

    assert reply.data == BODY
    assert reply.mimetype == "application/octet-stream"
    assert reply.headers["Content-Disposition"].startswith("attachment")
    again = client.get(f"/data/{ids[1]}/raw?download=page", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status_code == 304


def test_pruned_page_is_410(client: FlaskClient, seed: Seed) -> None:
    id = seed.item(raw_id=999_999_999)

    reply = client.get(f"/data/{id}/raw")

    assert (reply.status_code, reply.json["raw_id"]) == (410, 999_999_999)
    assert client.get(f"/data/{id}").status_code == 200


def test_record_that_is_no_longer_found(client: FlaskClient, seed: Seed) -> None:
    """The declaration has changed since, or the page does not parse: the page is still shown."""
    beyond = seed.item(raw_id=seed.raw(BODY), raw_index=7)
    broken = seed.item(raw_id=seed.raw(b"<html>"), raw_index=0)

    for id in (beyond, broken):
        reply = client.get(f"/data/{id}/raw")
        assert (reply.status_code, reply.json["record"]) == (200, None)
        assert reply.json["page"]["request"]["status"] == 200


def test_half_a_surrogate(client: FlaskClient, seed: Seed) -> None:
    id = seed.item(raw_id=seed.raw(b'[{"id":"a","symbol":"\\ud800"}]'), raw_index=0)

    assert "\\ud800" in client.get(f"/data/{id}/raw").json["record"]
