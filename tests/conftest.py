"""Real servers for the whole run, and a fresh migrated database for each test that asks for one."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count

import psycopg2
import pytest
from redis import Redis
from sqlalchemy import Engine

from ingest import catalog, db, settings
from ingest.migrate import migrate
from tests.servers import Servers, servers

# A shell that starts us in the background has SIGINT ignored, and every child of ours would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The upstreams of tests are on loopback; tests/http/test_addresses.py shows that it needs this.
os.environ["ALLOW_PRIVATE"] = "true"

API_KEY = "test-key-0123456789abcdef"
_numbers = count(1)


@pytest.fixture(scope="session")
def started() -> Iterator[Servers]:
    """PostgreSQL and Redis, once."""
    with servers() as both:
        yield both


def administer(started: Servers, statement: str) -> None:
    """Execute a statement that no transaction may hold."""
    with closing(psycopg2.connect(started.postgres.url("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


def forget() -> None:
    """Forget what a process reads once: settings, catalogue, engine."""
    for cached in (settings.settings, catalog.catalog, db.engine):
        cached.cache_clear()


@contextmanager
def own_environment() -> Iterator[None]:
    """Give the environment back as it was, whatever was set inside, and forget what was read of it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget()


@pytest.fixture(scope="session")
def template(started: Servers) -> str:
    """A database with the migrations and the shipped catalogue, to be copied."""
    started.postgres.create("template_migrated")
    os.environ.update(DATABASE_URL=started.postgres.url("template_migrated"), REDIS_URL=started.redis.url)
    engine = db.new_engine(settings.read().database_url)
    migrate(engine, catalog.catalog())
    engine.dispose()
    return "template_migrated"


@pytest.fixture
def database(started: Servers, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a fresh migrated database; the environment points at it and at an empty Redis."""
    name = f"t{next(_numbers)}"
    administer(started, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    Redis.from_url(started.redis.url).flushall()
    monkeypatch.setenv("DATABASE_URL", started.postgres.url(name))
    monkeypatch.setenv("REDIS_URL", started.redis.url)
    monkeypatch.setenv("API_KEY", API_KEY)
    forget()
    yield started.postgres.url(name)
    db.engine().dispose()
    forget()
    administer(started, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url(started: Servers) -> str:
    """The URL of the test run's Redis."""
    return started.redis.url


@pytest.fixture
def engine(database: str) -> Engine:
    """The engine of this test's database."""
    return db.engine()
