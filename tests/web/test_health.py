"""GET /sources says what is declared and where it stands; GET /health what the system stands on."""

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text, update

from ingest.heartbeat import beat
from models import Source
from tests.web.seeding import Seed


def test_sources(client: FlaskClient, history: Seed) -> None:
    with history.engine.begin() as tx:
        tx.execute(update(Source).where(Source.name == "prices_two").values(enabled=False))

    sources = {source["source"]: source for source in client.get("/sources").json["data"]}

    prices = sources["prices"]
    assert list(sources) == ["by_hand", "prices", "prices_two"]
    assert prices["schedule"] == {"every_s": 300, "cron": None}
    assert prices["secrets"] == ["UPSTREAM_KEY"]
    assert prices["fields"] == {"symbol": "symbol", "price": "price"}
    assert prices["key"] == ["id"]
    assert prices["last_run"]["state"] == "succeeded"
    assert prices["next_due_at"] > prices["last_run"]["created_at"]
    assert (sources["prices_two"]["enabled"], sources["prices_two"]["next_due_at"]) == (False, None)
    assert sources["by_hand"]["schedule"] == {"every_s": None, "cron": None}


def test_secrets_stay_references(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/sources", "/openapi.json", "/stats", "/health", "/metrics"):
        assert "not-a-secret" not in client.get(path).text


def test_healthy(client: FlaskClient, seed: Seed, redis_url: str) -> None:
    id = seed.run()
    for role in ("worker", "control", "beat"):
        beat(Redis.from_url(redis_url), role)

    reply = client.get("/health")

    assert (reply.status_code, reply.json["status"]) == (200, "pass"), reply.text
    assert reply.mimetype == "application/health+json"
    assert reply.headers["Cache-Control"] == "max-age=5"
    names = {"postgres:responseTime", "redis:responseTime", "migrations:version", "queue:oldestAge"}
    roles = {"worker:lastSeen", "control:lastSeen", "beat:lastSeen"}
    assert set(reply.json["checks"]) == names | roles
    assert reply.json["sources"]["prices"]["id"] == id
    assert reply.json["sources"]["by_hand"] is None


def test_silent_worker_is_a_warning(client: FlaskClient) -> None:
    reply = client.get("/health")

    assert (reply.status_code, reply.json["status"]) == (200, "warn")
    assert reply.json["checks"]["worker:lastSeen"][0]["output"] == "never seen"


def test_old_queue_is_a_warning(client: FlaskClient, history: Seed) -> None:
    assert client.get("/health").json["checks"]["queue:oldestAge"][0]["status"] == "warn"


def test_missing_migrations_fail(client: FlaskClient, seed: Seed) -> None:
    rename = "ALTER TABLE {} RENAME TO {}"
    with seed.engine.begin() as tx:
        tx.execute(text(rename.format("alembic_version", "hidden")))
    reply = client.get("/health")
    with seed.engine.begin() as tx:
        tx.execute(text(rename.format("hidden", "alembic_version")))

    assert (reply.status_code, reply.json["status"]) == (503, "fail")


def test_live_asks_nobody(client: FlaskClient) -> None:
    assert client.get("/health/live").json == {"status": "pass"}
