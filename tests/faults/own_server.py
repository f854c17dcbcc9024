"""A PostgreSQL of a test's own, which it may kill, fill, or take all the places of."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import Engine

from ingest.db import new_engine
from ingest.declared import Catalog, Source
from ingest.migrate import migrate
from local.servers import Postgres, free_port


@contextmanager
def own_server(folder: Path, source: Source, **settings: str) -> Iterator[Postgres]:
    """A durable server with the tables of the source in the database `own`."""
    server = Postgres(folder / "own", free_port())
    server.settings |= settings
    server.start()
    try:
        server.create("own")
        with engine_of(server.url("own")) as db:
            migrate(db, Catalog({source.dataset.name: source.dataset}, {source.name: source}))
        yield server
    finally:
        server.stop()


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """An engine of ours for the URL, with connections of its own."""
    engine = new_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    try:
        yield engine
    finally:
        engine.dispose()


def tell(url: str, statement: str) -> None:
    """Execute a statement beside everything else, outside of a transaction."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)


def all_connections(url: str) -> Iterator[Any]:
    """Connect until there is no place."""
    while True:
        try:
            yield psycopg2.connect(url)
        except psycopg2.OperationalError:
            return
