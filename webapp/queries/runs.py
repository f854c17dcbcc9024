"""Runs: one, and the newest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from models import Run, Source
from webapp import paging
from webapp.database import db
from webapp.queries.slices import Slice, read_slice

NEWEST_FIRST = paging.Order(Run.id, Run.id, descending=True)
FILTERS = ("source", "state", "trigger")
OUTCOMES = ("inserted", "updated", "unchanged", "rejected", "superseded")
COUNTERS = ("pages", "fetched", *OUTCOMES)
PLAIN = (
    "id",
    "source",
    "state",
    "mode",
    "trigger",
    "slot",
    "attempts",
    "cancel_requested",
    "requested_by",
    "request_id",
    "not_before",
    "created_at",
    "started_at",
    "finished_at",
    "position_before",
    "position_after",
    "lease_expiries",
)


def page(asked: Mapping[str, Any], after: paging.Place | None, limit: int) -> Slice:
    """One page of runs by source, state and trigger, newest first."""
    wanted = [getattr(Run, name).in_(asked[name]) for name in FILTERS if name in asked]
    return read_slice(db.session, select(Run).where(*wanted), NEWEST_FIRST, after, limit)


def one(run_id: int) -> Run | None:
    """One run."""
    return db.session.get(Run, run_id)


def document(run: Run) -> dict[str, Any]:
    """A run as the API shows it: counters, parts and error as members of their own."""
    error = {"kind": run.error_kind, "message": run.error_message}
    parts = None if run.parts is None else {"done": run.parts_done, "total": run.parts}
    return {
        **{name: getattr(run, name) for name in PLAIN},
        "counts": {name: getattr(run, name) for name in COUNTERS},
        "parts": parts,
        "error": error if run.error_kind or run.error_message else None,
    }


def with_key(tx: Connection, key: str, requested_by: str) -> Sequence[Any]:
    """The runs that were created under an idempotency key, inside the transaction that asks."""
    wanted = (Run.idempotency_key == key, Run.requested_by == requested_by)
    columns = (Run.id, Run.source, Run.state, Run.published_at, Run.request_hash)
    return tx.execute(select(*columns).where(*wanted).order_by(Run.id)).all()


def enabled_sources(tx: Connection, names: Sequence[str]) -> list[str]:
    """Those of the declared names that nobody has switched off."""
    off = set(tx.scalars(select(Source.name).where(Source.enabled.is_(False))))
    return [name for name in names if name not in off]
