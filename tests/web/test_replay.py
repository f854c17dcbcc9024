"""POST /rejects/replay, POST /rejects/dismiss, POST /rejects/<id>/dismiss."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func
from werkzeug.test import TestResponse

from tests.web.asking import KEY, count_runs
from tests.web.history import ago
from tests.web.seeding import Seed


def post(client: FlaskClient, path: str, body: object = None, **headers: str) -> TestResponse:
    """POST with the key."""
    return client.post(path, json=body, headers=KEY | headers)


@pytest.mark.parametrize(("body", "mode"), [({}, "replay"), ({"mode": "reload"}, "reload")])
def test_replay_is_a_run(client: FlaskClient, body: dict[str, str], mode: str) -> None:
    reply = post(client, "/rejects/replay", {"source": "prices"} | body)

    [run] = reply.json["runs"]
    assert reply.status_code == 202
    assert run == {**run, "source": "prices", "state": "queued", "created": True, "dispatched": True}
    shown = client.get(reply.headers["Location"]).json
    assert (shown["trigger"], shown["mode"], shown["requested_by"]) == ("replay", mode, "api")


def test_open_run_is_named(client: FlaskClient, seed: Seed) -> None:
    id = seed.run(state="running")

    reply = post(client, "/rejects/replay", {"source": "prices"})

    assert (reply.status_code, reply.json["runs"][0]["run_id"]) == (409, id)


def test_same_key_same_replay(client: FlaskClient, seed: Seed) -> None:
    once, again = (
        post(client, "/rejects/replay", {"source": "prices"}, **{"Idempotency-Key": "mend-1"})
        for _ in range(2)
    )
    other = post(client, "/run-etl", {"source": "prices"}, **{"Idempotency-Key": "mend-1"})

    assert once.json["runs"][0]["run_id"] == again.json["runs"][0]["run_id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, count_runs(seed)) == (422, 1)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/rejects/replay", {}, 422),
        ("/rejects/replay", {"source": "prices", "mode": "full"}, 422),
        ("/rejects/replay", {"source": "price"}, 404),
        ("/rejects/dismiss", {}, 422),
        ("/rejects/dismiss", {"reason": "required"}, 422),
        ("/rejects/dismiss", {"source": "\x00"}, 422),
        ("/rejects/dismiss", {"source": "price"}, 404),
        ("/rejects/99/dismiss", None, 404),
        ("/run-etl", {"source": "prices", "mode": "replay"}, 422),
    ],
)
def test_refused(client: FlaskClient, seed: Seed, path: str, body: object, status: int) -> None:
    id = seed.reject()

    assert post(client, path, body).status_code == status
    assert count_runs(seed) == 0
    assert client.get(f"/rejects/{id}", headers=KEY).json["state"] == "open"


@pytest.mark.parametrize("path", ["/rejects/replay", "/rejects/dismiss", "/rejects/1/dismiss"])
def test_no_key_no_change(client: FlaskClient, seed: Seed, path: str) -> None:
    assert client.post(path, json={"source": "prices"}).status_code == 401
    assert count_runs(seed) == 0


def test_dismissing_one(client: FlaskClient, seed: Seed) -> None:
    open_, resolved = seed.reject(), seed.reject(state="resolved")

    for _ in range(2):
        reply = post(client, f"/rejects/{open_}/dismiss")
        assert (reply.status_code, reply.json["state"]) == (200, "dismissed")
    assert post(client, f"/rejects/{resolved}/dismiss").status_code == 409


def test_dismissing_many(client: FlaskClient, seed: Seed) -> None:
    (
        seed.reject(),
        seed.reject(reason="required"),
        seed.reject(source="by_hand"),
        seed.reject(state="resolved"),
    )

    assert post(client, "/rejects/dismiss", {"source": "prices", "reason": "required"}).json["dismissed"] == 1
    assert post(client, "/rejects/dismiss", {"source": "prices"}).json["dismissed"] == 1
    left = client.get("/rejects?state=open", headers=KEY).json["data"]
    assert [reject["source"] for reject in left] == ["by_hand"]


def test_lost_page_is_told(client: FlaskClient, seed: Seed) -> None:
    kept, lost = seed.reject(raw_id=seed.raw(b"[]")), seed.reject(raw_id=1_000_000)

    shown = [client.get(f"/rejects/{id}", headers=KEY).json["raw_page_kept"] for id in (kept, lost)]

    assert shown == [True, False]


def test_replay_is_no_pull(client: FlaskClient, seed: Seed) -> None:
    """Freshness, last runs, rows a run and lateness are those of the pull before."""
    times = {"created_at": ago(hours=2), "started_at": ago(hours=2), "finished_at": ago(hours=2)}
    pull = seed.run(**times, fetched=6, inserted=6)
    seed.run(mode="replay", trigger="replay", fetched=1, unchanged=1)
    seed.run(mode="reload", trigger="replay", state="failed", error_kind="raw_page", finished_at=func.now())

    source = next(it for it in client.get("/stats").json["sources"] if it["source"] == "prices")
    metric = next(
        line
        for line in client.get("/metrics", headers=KEY).text.splitlines()
        if line.startswith('kasparro_last_success_age_seconds{source="prices"}')
    )

    hour = timedelta(hours=1).total_seconds()
    assert (source["last_run"]["id"], source["last_failure_at"]) == (pull, None)
    assert (source["freshness_s"] > hour, source["rows_per_run"]) == (True, [6])
    assert float(metric.split()[-1]) > hour
    assert client.get("/health").json["sources"]["prices"]["id"] == pull
