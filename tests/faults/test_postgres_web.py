"""What the API answers while PostgreSQL is away, full or read-only: 503, and no restart afterwards."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from ingest import catalog, db
from ingest.migrate import migrate
from tests.conftest import API_KEY, forget
from tests.faults.own_server import all_connections, own_server, tell
from tests.faults.undisturbed import shop
from webapp import create_app
from webapp.database import db as reading

KEY = {"x-api-key": API_KEY}


@contextmanager
def served() -> Iterator[FlaskClient]:
    """The API as a process serves it."""
    app = create_app()
    yield app.test_client()
    with app.app_context():
        reading.engine.dispose()


@pytest.fixture
def own(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server with eight places, and the shipped catalogue in it."""
    with own_server(tmp_path, shop(), max_connections="8") as server:
        monkeypatch.setenv("DATABASE_URL", server.url("own"))
        forget()
        migrate(db.engine(), catalog.catalog())
        db.engine().dispose()
        yield server
        db.engine().dispose()


def expect_again_later(reply: Any) -> None:
    """The reply is a problem that says when to come back, and nothing of hosts."""
    assert (reply.status_code, reply.headers.get("Retry-After")) == (503, "2"), reply.text
    assert reply.mimetype == "application/problem+json"
    assert "127.0.0.1" not in reply.text


def start_run(client: FlaskClient) -> Any:
    """Ask for a run."""
    return client.post("/run-etl", headers=KEY, json={"source": "coins_csv"})


def test_server_crashes(own: Any) -> None:
    """D3: red while it is down, and green right after."""
    with served() as client:
        assert client.get("/data").status_code == 200

        own.child.stop(signal.SIGQUIT, 20)
        expect_again_later(client.get("/data"))
        expect_again_later(start_run(client))
        assert client.get("/health").status_code == 503

        own.start()
        assert client.get("/data").status_code == 200
        assert start_run(client).status_code == 202
        assert client.get("/health").status_code == 200


def test_no_place_left(own: Any) -> None:
    """D8: where all connections are taken the API says so, and recovers."""
    with served() as client:
        hoard = list(all_connections(own.url("own")))

        expect_again_later(client.get("/data"))
        expect_again_later(start_run(client))

        for held in hoard:
            held.close()
        assert client.get("/data").status_code == 200
        assert start_run(client).status_code == 202


def test_read_only(database: str) -> None:
    """D9: reading goes on; what needs a write is refused until writes are taken again."""
    elsewhere, name = database.rpartition("/")[0] + "/postgres", database.rpartition("/")[2]
    tell(elsewhere, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with served() as client:
        expect_again_later(start_run(client))
        assert client.get("/data").status_code == 200

        tell(elsewhere, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        assert start_run(client).status_code == 202


def test_every_connection_has_limits(database: str) -> None:
    """D7: no statement of ours waits for ever, on whatever connection."""
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    with served() as client, client.application.app_context():
        for engine, expected in (
            (db.engine(), ["10s", "2min", "30s"]),
            (reading.engine, ["2s", "5s", "1min"]),
        ):
            with engine.connect() as connection:
                assert [connection.scalar(text(f"SHOW {name}")) for name in names] == expected
