"""POST /run-etl: one run a source whoever asks how often, and nobody without the key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import update

from models import Source
from tests.servers import Servers
from tests.web.asking import KEY, count_runs, post
from tests.web.seeding import Seed

SOURCES = ["by_hand", "prices", "prices_two"]


def test_creates_and_dispatches(client: FlaskClient, seed: Seed, redis_url: str) -> None:
    reply = post(client, {"source": "prices"}, X_Request_Id="from-the-client")

    [run] = reply.json["runs"]
    assert reply.status_code == 202
    assert run == {**run, "source": "prices", "state": "queued", "created": True, "dispatched": True}
    assert reply.headers["Location"] == f"/runs/{run['run_id']}"
    assert reply.headers["Retry-After"] == "2"
    assert Redis.from_url(redis_url).llen("kasparro:etl.run") == 1
    shown = client.get(reply.headers["Location"]).json
    assert (shown["trigger"], shown["requested_by"], shown["mode"]) == ("api", "api", "incremental")
    assert shown["request_id"] == reply.json["request_id"] == "from-the-client"


@pytest.mark.parametrize("body", [{}, None])
def test_nothing_means_all_enabled(client: FlaskClient, seed: Seed, body: Any) -> None:
    with seed.engine.begin() as tx:
        tx.execute(update(Source).where(Source.name == "prices_two").values(enabled=False))

    reply = post(client, body)

    assert [run["source"] for run in reply.json["runs"]] == ["by_hand", "prices"]


def test_a_list(client: FlaskClient) -> None:
    reply = post(client, {"source": ["prices", "by_hand", "prices"], "mode": "full"})

    assert [run["source"] for run in reply.json["runs"]] == ["by_hand", "prices"]
    assert client.get(reply.headers["Location"]).json["mode"] == "full"


def test_open_run_is_named(client: FlaskClient, seed: Seed) -> None:
    id = seed.run(state="running")

    reply = post(client, {"source": "prices"})

    assert reply.status_code == 409
    assert reply.json["runs"] == [
        {"run_id": id, "source": "prices", "state": "running", "created": False, "dispatched": False}
    ]
    assert "Location" not in reply.headers


def test_some_open_some_new(client: FlaskClient, seed: Seed) -> None:
    seed.run(source="prices", state="queued")

    reply = post(client)

    created = {run["source"]: run["created"] for run in reply.json["runs"]}
    assert reply.status_code == 202
    assert created == {"by_hand": True, "prices": False, "prices_two": True}


def test_twenty_at_once_make_one_run(app: Flask, seed: Seed) -> None:
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: post(app.test_client(), {"source": "prices"}), range(20)))

    told = {reply.json["runs"][0]["run_id"] for reply in replies}
    assert sorted(reply.status_code for reply in replies) == [202, *[409] * 19]
    assert len(told) == 1
    assert count_runs(seed) == 1


def test_twenty_at_once_for_all_sources(app: Flask, seed: Seed) -> None:
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: post(app.test_client()), range(20)))

    assert {reply.status_code for reply in replies} == {202, 409}
    assert count_runs(seed) == len(SOURCES)


def test_ended_run_is_no_obstacle(client: FlaskClient, seed: Seed) -> None:
    seed.run(state="failed")

    assert post(client, {"source": "prices"}).status_code == 202


@pytest.fixture
def no_redis(app: Flask, started: Servers) -> Iterator[None]:
    """Redis is down."""
    started.redis.stop()
    yield
    started.redis.start()


@pytest.mark.usefixtures("no_redis")
def test_redis_down_is_202(client: FlaskClient, seed: Seed) -> None:
    reply = post(client)

    assert reply.status_code == 202
    assert [run["dispatched"] for run in reply.json["runs"]] == [False] * 3
    assert count_runs(seed) == 3


@pytest.mark.usefixtures("no_redis")
def test_redis_down_is_a_warning(client: FlaskClient) -> None:
    health = client.get("/health")

    assert (health.status_code, health.json["status"]) == (200, "warn")
    assert health.json["checks"]["redis:responseTime"][0]["status"] == "warn"
    assert client.get("/stats").json["workers"] is None
    assert client.get("/data").status_code == 200


def test_unknown_source_has_a_suggestion(client: FlaskClient, seed: Seed) -> None:
    reply = post(client, {"source": ["prices", "price"]})

    assert reply.status_code == 404
    assert "Did you mean prices?" in reply.json["detail"]
    assert reply.json["suggestion"] == "prices"
    assert count_runs(seed) == 0


BODIES = [
    (b'{"source": 7}', "application/json", 422),
    (b'{"source": []}', "application/json", 422),
    (b'{"source": ["prices", 1]}', "application/json", 422),
    (b'{"source": null}', "application/json", 422),
    (b'{"sauce": "prices"}', "application/json", 422),
    (b'{"mode": "sideways"}', "application/json", 422),
    (b'["prices"]', "application/json", 422),
    (b'"prices"', "application/json", 422),
    (b"null", "application/json", 422),
    (b'{"source":', "application/json", 422),
    (b"[" * 100_000, "application/json", 422),
    (b'{"source": "\\ud800"}', "application/json", 422),
    (b'{"source": "\\u0000"}', "application/json", 404),
    (b"\xff\xfe", "application/json", 422),
    (b"source=prices", "application/x-www-form-urlencoded", 415),
    (b'{"source": "prices"}', "text/plain", 415),
    (b'{"source": "prices"}', "", 415),
    (b" " * 1_100_000, "application/json", 413),
]


@pytest.mark.parametrize(("body", "content_type", "status"), BODIES, ids=range(len(BODIES)))
def test_bad_body(client: FlaskClient, seed: Seed, body: bytes, content_type: str, status: int) -> None:
    reply = client.post("/run-etl", data=body, content_type=content_type, headers=KEY)

    assert reply.status_code == status
    assert reply.mimetype == "application/problem+json"
    assert count_runs(seed) == 0


def test_disabled_source_runs_when_named(client: FlaskClient, seed: Seed) -> None:
    with seed.engine.begin() as tx:
        tx.execute(update(Source).where(Source.name == "prices").values(enabled=False))

    assert post(client, {"source": "prices"}).status_code == 202


def test_nothing_enabled(client: FlaskClient, seed: Seed) -> None:
    with seed.engine.begin() as tx:
        tx.execute(update(Source).values(enabled=False))

    reply = post(client)

    assert (reply.status_code, reply.json["runs"]) == (409, [])
