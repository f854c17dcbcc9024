"""The read side's way to PostgreSQL. Writes go through `ingest.db.engine` alone.

`db.engine` reads by single statements, each a round trip and a snapshot of its own. `db.session` and
`snapshots` read in a transaction: numbers that belong together add up, whatever a run commits meanwhile.
"""

import select
from functools import lru_cache
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from ingest import json_text
from ingest.db import NETWORK
from models import Base
from webapp import prepared

READ_LIMITS = (
    "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
    f" -c default_transaction_read_only=on {prepared.PLANNED_ANEW}"
)


class Snapshot(Session):
    """The session of a request: one transaction, all of whose statements see one moment."""

    def get_bind(self, *about: Any, **more: Any) -> Any:
        """The engine of its connection."""
        return snapshots(super().get_bind(*about, **more))


@lru_cache(8)
def snapshots(engine: Engine) -> Engine:
    """The same pool of connections, for transactions."""
    return engine.execution_options(isolation_level="REPEATABLE READ")


db = SQLAlchemy(model_class=Base, session_options={"class_": Snapshot})


def register(app: Flask) -> None:
    """Give the application its read engine."""
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "checkout", _refuse_ended)
        prepared.register(db.engine)


def read_options() -> dict[str, Any]:
    """The options of the read engine: give up fast, read only, JSON numbers as they are stored."""
    return {
        "isolation_level": "AUTOCOMMIT",
        # One for each thread of deploy/gunicorn.py; those beyond are made anew each time, which takes long.
        "pool_size": 8,
        "max_overflow": 4,
        "pool_timeout": 1.5,
        "pool_recycle": 1800,
        "hide_parameters": True,
        "json_deserializer": _stored_json,
        "connect_args": {**NETWORK, "application_name": "kasparro-web", "options": READ_LIMITS},
    }


def _refuse_ended(connection: Any, *about: Any) -> None:
    """Have a connection replaced that the server has ended: an idle one that has something to say says that.

    To look at the socket takes no time; to ask the server takes as long as a short query.
    """
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    if waiting.poll(0):
        raise InvalidatePoolError


def _stored_json(text: str) -> Any:
    return json_text.parse(text.encode())
