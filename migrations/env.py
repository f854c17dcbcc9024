"""Alembic's entry: the URL comes from the settings, or as a connection from `ingest.migrate`."""

from alembic import context
from sqlalchemy import Connection

from ingest.db import engine
from models import Base

OURS = set(Base.metadata.tables)


def include_name(name: str | None, kind: str, parents: object) -> bool:
    """Look at our own tables only: datasets are brought up to their declarations by `ingest.migrate`."""
    return kind != "table" or name in OURS


def upgrade(connection: Connection) -> None:
    """Run the migrations on the connection."""
    context.configure(connection=connection, target_metadata=Base.metadata, include_name=include_name)
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    upgrade(given)
else:
    with engine().connect() as own:
        upgrade(own)
