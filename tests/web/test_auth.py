"""The key: nobody without it starts or stops anything, and nobody reads it anywhere."""

import io

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import API_KEY, forget
from tests.web.asking import count_runs, post, served
from tests.web.seeding import Seed
from webapp import create_app


@pytest.mark.parametrize(
    "key", [None, "", "wrong", API_KEY[:-1], API_KEY + "x", API_KEY.upper(), "schlüssel"]
)
@pytest.mark.parametrize("path", ["/run-etl", "/runs/1/cancel"])
def test_no_key_no_run(client: FlaskClient, seed: Seed, key: str | None, path: str) -> None:
    reply = client.post(path, json={"source": "nobody"}, headers={} if key is None else {"x-api-key": key})

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "ApiKey"
    assert count_runs(seed) == 0


def test_key_counts_only_in_the_header(client: FlaskClient) -> None:
    assert client.post(f"/run-etl?x-api-key={API_KEY}").status_code == 401
    assert client.post("/run-etl", json={"x-api-key": API_KEY}).status_code == 401


def test_key_is_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    post(client, {"source": "prices"})
    client.get(f"/data?x-api-key={API_KEY}")
    client.post("/run-etl", headers={"x-api-key": "a-wrong-key-of-somebody"})

    written = capsys.readouterr().err + caplog.text
    assert "request served" in written
    assert "key refused" in written
    assert API_KEY not in written
    assert "a-wrong-key-of-somebody" not in written


def test_line_of_a_request(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    reply = client.get("/data?limit=1")

    [line] = served(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("ms") > 0
    assert line == {
        "event": "request served",
        "level": "info",
        "logger": "webapp.hooks",
        "request_id": reply.headers["X-Request-Id"],
        "method": "GET",
        "path": "/data",
        "status": 200,
    }


def test_path_begins_no_other_line(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Some readers end lines at more than a line feed, and terminals act on C1 controls."""
    client.get("/a%E2%80%A8%7B%22event%22:1%7D%C2%9B31m%C2%85x%7f%0a")

    written = capsys.readouterr().err
    assert written.isascii()
    assert len([line for line in written.splitlines() if "request served" in line]) == 1
    assert written.rstrip("\n").isprintable()


@pytest.fixture
def terse(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of an application that is told to write no lines of requests."""
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    forget()
    return create_app().test_client()


def test_line_that_cannot_be_written(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a closed pipe costs the line, not the reply."""
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr("sys.stderr", closed)

    assert client.get("/data?limit=1").status_code == 200


def test_no_line_below_the_level(terse: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    terse.get("/data?limit=1")

    assert served(capsys) == []
