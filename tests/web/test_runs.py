"""GET /runs, GET /runs/<id>, POST /runs/<id>/cancel."""

import pytest
from flask.testing import FlaskClient

from tests.conftest import API_KEY
from tests.web.seeding import NOON, Seed

KEY = {"x-api-key": API_KEY}


def ids(client: FlaskClient, query: str) -> list[int]:
    """The ids that a query lists."""
    reply = client.get(f"/runs?{query}")
    assert reply.status_code == 200, reply.text
    return [run["id"] for run in reply.json["data"]]


def test_newest_first_page_by_page(client: FlaskClient, seed: Seed) -> None:
    made = [seed.run() for _ in range(5)]
    seen, url = [], "/runs?limit=2"
    while url:
        reply = client.get(url)
        seen += [run["id"] for run in reply.json["data"]]
        seed.run()
        url = reply.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert seen == made[::-1]


def test_filters(client: FlaskClient, seed: Seed) -> None:
    good = seed.run()
    bad = seed.run(source="by_hand", state="failed", error_kind="auth", error_message="401")
    open = seed.run(source="prices_two", state="running", trigger="api")

    assert ids(client, "source=prices") == [good]
    assert ids(client, "source=prices&source=by_hand") == [bad, good]
    assert ids(client, "state=failed&state=running") == [open, bad]
    assert ids(client, "trigger=api") == [open]
    assert ids(client, "source=prices&state=failed") == []


def test_parts_of_a_divided_run(client: FlaskClient, seed: Seed) -> None:
    divided, whole = seed.run(parts=8, parts_done=3, state="running"), seed.run(source="by_hand")

    assert client.get(f"/runs/{divided}").json["parts"] == {"done": 3, "total": 8}
    assert client.get(f"/runs/{whole}").json["parts"] is None


@pytest.mark.parametrize(
    "query", ["state=done", "sate=failed", "limit=0", "cursor=x", "trigger=me", "source=%00"]
)
def test_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/runs?{query}").status_code == 422


def test_cursor_of_another_filter(client: FlaskClient, seed: Seed) -> None:
    seed.run(), seed.run()
    cursor = client.get("/runs?limit=1").json["page"]["next_cursor"]

    reply = client.get(f"/runs?source=prices&cursor={cursor}")

    assert "other filters" in str(reply.json["errors"]["query"]["cursor"])


def test_one_run_in_full(client: FlaskClient, seed: Seed) -> None:
    counts = {"fetched": 15, "inserted": 5, "updated": 4, "unchanged": 3, "rejected": 2, "superseded": 1}
    failure = {"error_kind": "auth", "error_message": "401 with ${UPSTREAM_KEY}"}
    times = {"created_at": NOON, "started_at": NOON, "finished_at": NOON, "slot": NOON}
    id = seed.run(state="failed", pages=2, position_after={"page": 2}, **counts, **failure, **times)

    run = client.get(f"/runs/{id}").json

    assert run["counts"] == {"pages": 2, **counts}
    assert run["error"] == {"kind": "auth", "message": "401 with ${UPSTREAM_KEY}"}
    assert (run["position_before"], run["position_after"]) == (None, {"page": 2})
    assert {run[name] for name in times} == {"2026-01-02T12:00:00Z"}
    assert (run["state"], run["attempts"], run["cancel_requested"]) == ("failed", 0, False)


def test_success_has_no_error(client: FlaskClient, seed: Seed) -> None:
    assert client.get(f"/runs/{seed.run()}").json["error"] is None


@pytest.mark.parametrize("id", ["0", "9223372036854775807", "9223372036854775808", "x"])
def test_no_such_run(client: FlaskClient, id: str) -> None:
    assert client.get(f"/runs/{id}").status_code == 404
    assert client.post(f"/runs/{id}/cancel", headers=KEY).status_code == 404


def test_cancel_queued(client: FlaskClient, seed: Seed) -> None:
    id = seed.run(state="queued", started_at=None)

    reply = client.post(f"/runs/{id}/cancel", headers=KEY)

    assert (reply.status_code, reply.json["state"]) == (202, "cancelled")
    assert client.post(f"/runs/{id}/cancel", headers=KEY).status_code == 202


def test_cancel_running(client: FlaskClient, seed: Seed) -> None:
    id = seed.run(state="running")

    reply = client.post(f"/runs/{id}/cancel", headers=KEY)

    assert reply.status_code == 202
    assert (reply.json["state"], reply.json["cancel_requested"]) == ("running", True)


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_cancel_too_late(client: FlaskClient, seed: Seed, state: str) -> None:
    reply = client.post(f"/runs/{seed.run(state=state)}/cancel", headers=KEY)

    assert (reply.status_code, reply.json["state"]) == (409, state)
