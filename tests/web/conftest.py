"""A catalogue with a field of every type, one database for all tests here, and a client.

Making a database takes longer than most of these tests, so they share one and begin with it empty.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text

from ingest import catalog, db, settings
from ingest.migrate import migrate
from tests.conftest import API_KEY, forget
from tests.servers import Servers
from tests.web.history import lived_through
from tests.web.rows import EMPTY, HIGH, LOW
from tests.web.seeding import Seed
from webapp import create_app
from webapp.queries import health

CATALOG = Path(__file__).parent / "catalog"
CLEAR = text(
    "DELETE FROM items; DELETE FROM notes; DELETE FROM rejects; DELETE FROM raw_data; DELETE FROM runs;"
    "DELETE FROM api_keys;"
    "UPDATE sources SET enabled = true"
)


def point_at(monkeypatch: pytest.MonkeyPatch, started: Servers) -> None:
    """Set the environment of these tests, and forget what was read from another."""
    monkeypatch.setenv("DATABASE_URL", started.postgres.url("web"))
    monkeypatch.setenv("REDIS_URL", started.redis.url)
    monkeypatch.setenv("API_KEY", API_KEY)
    monkeypatch.setenv("CATALOG_DIR", str(CATALOG))
    # Tests ask faster than anybody; those about rates set their own.
    monkeypatch.setenv("RATE_LIMIT", "1000000/minute")
    monkeypatch.setenv("FAILED_RATE_LIMIT", "1000000/minute")
    forget()


@pytest.fixture(scope="session")
def shared(started: Servers) -> Iterator[Flask]:
    """The application on a migrated database."""
    started.postgres.create("web")
    with pytest.MonkeyPatch.context() as monkeypatch:
        point_at(monkeypatch, started)
        engine = db.new_engine(settings.settings().database_url)
        migrate(engine, catalog.catalog())
        engine.dispose()
        app = create_app()
    forget()
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def app(shared: Flask, started: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The application, its database and Redis empty, the environment pointing at both."""
    point_at(monkeypatch, started)
    # A busy machine may need more than a second to connect; frozen servers have tests of their own.
    monkeypatch.setattr(health, "PATIENCE_S", 30.0)
    Redis.from_url(started.redis.url).flushall()
    with db.engine().begin() as tx:
        tx.execute(CLEAR)
    yield shared
    db.engine().dispose()
    forget()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without a key."""
    return app.test_client()


@pytest.fixture
def keyed(app: Flask) -> FlaskClient:
    """A client that sends the key of the environment."""
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = API_KEY
    return client


@pytest.fixture
def seed(app: Flask) -> Seed:
    """Puts rows where a worker would."""
    return Seed(db.engine())


@pytest.fixture
def three(seed: Seed) -> list[int]:
    """A low, a high and an empty row."""
    return [seed.item(**values) for values in (LOW, HIGH, EMPTY)]


@pytest.fixture
def history(seed: Seed) -> Seed:
    """Runs of three sources, in and out of the windows."""
    lived_through(seed)
    return seed
