"""Runs, sources and rejects as the API shows them, from the rows of `cli.queries`."""

from typing import Any

from sqlalchemy import Row

from ingest.claims import COUNTERS
from ingest.declared import Source
from webapp.queries.runs import document as run_document
from webapp.queries.sources import document as source_document
from webapp.queries.sources import next_due

__all__ = ["next_due", "reject_document", "run_document", "run_row", "source_document", "status_document"]

RUN_COLUMNS = ("source", "run", "state", *COUNTERS, "seconds")


def reject_document(row: Row[Any]) -> dict[str, Any]:
    """A reject with its whole record."""
    return dict(row._mapping)


def status_document(source: Source, row: Row[Any] | None, items: int) -> dict[str, Any]:
    """How a source stands: what `GET /sources` shows of it, its last success and its items."""
    wanted = ("source", "enabled", "last_run", "next_due_at", "rejects_open")
    shown = source_document(source, row)
    success = row.last_success_at if row is not None else None
    return {**{name: shown[name] for name in wanted}, "last_success_at": success, "items": items}


def run_row(row: Row[Any]) -> list[Any]:
    """A run as one line of a table (`RUN_COLUMNS`)."""
    return [row.source, str(row.id), row.state, *(getattr(row, name) for name in COUNTERS), seconds(row)]


def seconds(row: Row[Any]) -> float | None:
    """How long a run took."""
    if row.started_at is None or row.finished_at is None:
        return None
    return (row.finished_at - row.started_at).total_seconds()
