"""Every error of every route is one problem document, with the request's id and no secrets."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ingest.errors import ConfigInvalid
from local.servers import free_port
from tests.conftest import API_KEY, forget
from tests.web.asking import served
from tests.web.seeding import Seed
from webapp import create_app
from webapp.export import MEDIA_TYPES
from webapp.queries import sources

KEY = {"x-api-key": API_KEY}
MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


def routes(app: Flask) -> list[tuple[str, str]]:
    """Method and path of every route but the static files, with 1 for every id."""
    return [
        (method, str(rule).replace("<int(max=9223372036854775807):id>", "1"))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/static")
    ]


def assert_problem(reply: Any, status: int) -> dict[str, Any]:
    """The reply is a problem of this status."""
    assert reply.status_code == status, reply.text
    assert reply.mimetype == "application/problem+json"
    assert set(reply.json) >= MEMBERS
    assert reply.json["status"] == status
    assert reply.json["request_id"] == reply.headers["X-Request-Id"]
    return reply.json


def test_wrong_method_everywhere(app: Flask, client: FlaskClient) -> None:
    for _method, path in routes(app):
        reply = client.delete(path)
        assert_problem(reply, 405)
        assert reply.headers["Allow"]


def test_unknown_parameter_everywhere(app: Flask, client: FlaskClient) -> None:
    described = {path.replace("{id}", "1") for path in client.get("/openapi.json").json["paths"]}
    for method, path in routes(app):
        if path in described:
            found = assert_problem(client.open(f"{path}?no_such=1", method=method, headers=KEY), 422)
            assert "no_such" in found["errors"]["query"]
    assert {"/data", "/runs/1/cancel", "/health/live", "/metrics"} <= described


def test_every_route_is_described(app: Flask, client: FlaskClient) -> None:
    described = set(client.get("/openapi.json").json["paths"])
    plain = {"/", "/docs", "/openapi.json"}

    assert {path.replace("1", "{id}") for _, path in routes(app)} - plain == described


@pytest.mark.parametrize(
    "path", ["/nothing", "/data/1", "/data/1/raw", "/data/99999999999999999999", "/rejects/1"]
)
def test_not_found(keyed: FlaskClient, path: str) -> None:
    assert_problem(keyed.get(path), 404)


def test_errors_in_openapi_are_problems(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json

    errors = document["components"]["responses"]
    assert all(list(error["content"]) == ["application/problem+json"] for error in errors.values())
    assert set(document["paths"]["/data"]["get"]["responses"]["200"]["content"]) == set(MEDIA_TYPES.values())


def test_crash_tells_nothing(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def crash() -> None:
        raise RuntimeError("the inner secret")

    monkeypatch.setattr(sources, "runtime", crash)  # to make the step fail
    reply = client.get("/sources", headers={"X-Request-Id": "find-me-again"})

    assert "secret" not in str(assert_problem(reply, 500))
    assert "the inner secret" in caplog.text
    assert "find-me-again" in caplog.text


GOOD_IDS = ["12345678", "a-b-c-d-1", "A" * 64]
BAD_IDS = ["1234567", "A" * 65, "with space", "semi;colon", 'quo"te-quote', "ünicode-id", "under_score"]


@pytest.mark.parametrize("id", GOOD_IDS)
def test_request_id_is_kept(client: FlaskClient, id: str) -> None:
    assert client.get("/health/live", headers={"X-Request-Id": id}).headers["X-Request-Id"] == id


@pytest.mark.parametrize("id", BAD_IDS)
def test_request_id_is_replaced(client: FlaskClient, id: str) -> None:
    made = client.get("/health/live", headers={"X-Request-Id": id}).headers["X-Request-Id"]

    assert made != id
    assert len(made) == 32


@pytest.mark.parametrize("path", ["/data", "/docs", "/nothing", "/health/live"])
def test_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith(
        f"default-src '{'self' if path == '/docs' else 'none'}'"
    )
    assert headers["Referrer-Policy"] == "no-referrer"


def test_one_log_line_a_request(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.get("/data?symbol=private", headers={"X-Request-Id": "log-line-1"})

    [line] = served(capsys)
    assert line == {**line, "method": "GET", "path": "/data", "status": 200, "request_id": "log-line-1"}
    assert "private" not in str(line)


@pytest.fixture
def without_postgres(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """An application whose database is away."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    forget()
    yield create_app().test_client()
    forget()


def test_postgres_down_everywhere(app: Flask, without_postgres: FlaskClient) -> None:
    alone = {"/", "/docs", "/openapi.json", "/health/live", "/health"}
    for method, path in routes(app):
        began = time.monotonic()
        body = {"source": "prices"} if method == "POST" else None
        reply = without_postgres.open(path, method=method, headers=KEY, json=body)
        assert time.monotonic() - began < 2, path
        if path not in alone:
            found = assert_problem(reply, 503)
            assert reply.headers["Retry-After"] == "2"
            assert "127.0.0.1" not in str(found)


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_postgres_down_for_a_stream(without_postgres: FlaskClient, format: str) -> None:
    assert_problem(without_postgres.get(f"/data?format={format}"), 503)


def test_postgres_down_in_health(without_postgres: FlaskClient) -> None:
    reply = without_postgres.get("/health")

    assert (reply.status_code, reply.json["status"]) == (503, "fail")
    assert reply.mimetype == "application/health+json"
    assert "127.0.0.1" not in reply.text
    assert without_postgres.get("/health/live").status_code == 200


def test_postgres_down_in_health_with_a_key(
    without_postgres: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell whose key it is then, and health is still told."""
    monkeypatch.setenv("PUBLIC_READS", "false")
    forget()

    reply = without_postgres.get("/health", headers={"x-api-key": f"{'0' * 12}_{'0' * 64}"})

    assert (reply.status_code, reply.json) == (
        503,
        {"status": "fail", "request_id": reply.json["request_id"]},
    )
    assert reply.mimetype == "application/health+json"


def test_lost_connections_are_replaced(client: FlaskClient, seed: Seed) -> None:
    client.get("/data")
    seed.end_connections("kasparro-web")

    assert client.get("/data").status_code == 200


def test_slow_query_is_503(app: Flask, client: FlaskClient, seed: Seed) -> None:
    """A lock that nobody gives up ends in a clear answer, not in a hanging thread."""
    with closing(seed.engine.raw_connection()) as holder:
        holder.cursor().execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
        found = assert_problem(client.get("/data"), 503)
        holder.rollback()

    assert "too long" in found["detail"]


@pytest.mark.parametrize(("key", "says"), [("", "is not set"), ("short", "shorter than 16")])
def test_no_start_without_key(app: Flask, monkeypatch: pytest.MonkeyPatch, key: str, says: str) -> None:
    monkeypatch.setenv("API_KEY", key)
    forget()

    with pytest.raises(ConfigInvalid, match=says) as refused:
        create_app()

    assert "secrets.token_urlsafe(32)" in str(refused.value)


def test_no_start_with_bad_catalogue(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("CATALOG_DIR", str(tmp_path))
    forget()

    with pytest.raises(ConfigInvalid):
        create_app()
