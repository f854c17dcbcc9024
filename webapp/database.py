"""The read side's way to PostgreSQL. Writes go through `ingest.db.engine` alone."""

from typing import Any

from flask_sqlalchemy import SQLAlchemy

from ingest import json_text
from models import Base

# One request is one snapshot: numbers that belong together add up, whatever a run commits meanwhile.
READ_LIMITS = (
    "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
    " -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
)


db = SQLAlchemy(model_class=Base)


def read_options() -> dict[str, Any]:
    """The options of the read engine: give up fast, read only, JSON numbers as they are stored."""
    return {
        "pool_size": 4,
        "max_overflow": 8,
        "pool_timeout": 1.5,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "hide_parameters": True,
        "json_deserializer": _stored_json,
        "connect_args": {"connect_timeout": 2, "application_name": "kasparro-web", "options": READ_LIMITS},
    }


def _stored_json(text: str) -> Any:
    return json_text.parse(text.encode())
