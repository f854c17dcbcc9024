"""GET /rejects, GET /rejects/<id>."""

import pytest
from flask.testing import FlaskClient

from tests.web.seeding import Seed


@pytest.fixture
def client(keyed: FlaskClient) -> FlaskClient:
    """Rejects are shown to those who have a key."""
    return keyed


def ids(client: FlaskClient, query: str) -> list[int]:
    """The ids that a query lists."""
    reply = client.get(f"/rejects?{query}")
    assert reply.status_code == 200, reply.text
    return [reject["id"] for reject in reply.json["data"]]


def test_filters(client: FlaskClient, seed: Seed) -> None:
    first = seed.reject()
    second = seed.reject(source="by_hand", reason="required", field="symbol", run_id=2)
    third = seed.reject(state="resolved")

    assert ids(client, "") == [third, second, first]
    assert ids(client, "source=by_hand") == [second]
    assert ids(client, "reason=required&reason=not_a_number") == [third, second, first]
    assert ids(client, "state=open") == [second, first]
    assert ids(client, "run_id=2") == [second]
    assert ids(client, "run_id=3") == []


def test_newest_first_page_by_page(client: FlaskClient, seed: Seed) -> None:
    made = [seed.reject() for _ in range(5)]
    seen, url = [], "/rejects?limit=2&state=open"
    while url:
        reply = client.get(url)
        seen += [reject["id"] for reject in reply.json["data"]]
        seed.reject()
        url = reply.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert seen == made[::-1]


def test_list_cuts_one_does_not(client: FlaskClient, seed: Seed) -> None:
    id = seed.reject(record="x" * 60_000, key="k1", field="price")

    listed, one = client.get("/rejects").json["data"][0], client.get(f"/rejects/{id}").json

    assert listed["excerpt"] == "x" * 500
    assert "record" not in listed
    assert one["record"] == "x" * 60_000
    same = ("key", "field", "reason", "message", "position", "raw_id", "raw_index", "state", "created_at")
    assert {name: one[name] for name in same} == {name: listed[name] for name in same}


@pytest.mark.parametrize(
    "query", ["state=shut", "run_id=x", "run_id=99999999999999999999", "reason=%00", "limit=9999"]
)
def test_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/rejects?{query}").status_code == 422
