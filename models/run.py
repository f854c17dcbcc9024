"""The queue of record, and the history."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

OPEN_STATES = ("queued", "running")
TERMINAL_STATES = ("succeeded", "failed", "cancelled")
RUN_STATES = OPEN_STATES + TERMINAL_STATES
TRIGGERS = ("api", "schedule", "cli", "replay")
# A pull asks the upstream; a replay reads raw pages that were kept: those with open rejects, or all of them.
PULLS = ("incremental", "full")
REPLAYS = ("replay", "reload")

OPEN_RUN_PER_SOURCE = "uq_runs_open_source"
_ADDS_UP = "fetched = inserted + updated + unchanged + rejected + superseded"


def _counter() -> Mapped[int]:
    return mapped_column(server_default=text("0"))


class Run(Base):
    """One execution of one source, from request to end.

    PostgreSQL keeps three promises here: a source has at most one open run (partial unique index), a
    scheduled slot has at most one run, and so has an idempotency key of one who asks. `lease_until`
    compares with the database's clock only.
    """

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        CheckConstraint(f"trigger IN {TRIGGERS}", name="trigger"),
        CheckConstraint(_ADDS_UP, name="counters_add_up"),
        CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))", name="finished"
        ),
        Index(
            OPEN_RUN_PER_SOURCE,
            "source",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        Index(
            "uq_runs_source_slot", "source", "slot", unique=True, postgresql_where=text("slot IS NOT NULL")
        ),
        Index(None, "source", "id"),
        Index(None, "state"),
        Index(
            "uq_runs_idempotency",
            "requested_by",
            "idempotency_key",
            "source",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("sources.name"))
    state: Mapped[str] = mapped_column(server_default=text("'queued'"))
    mode: Mapped[str] = mapped_column(server_default=text("'incremental'"))
    trigger: Mapped[str]
    slot: Mapped[datetime | None]
    requested_by: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    request_hash: Mapped[str | None]
    request_id: Mapped[str | None]

    attempts: Mapped[int] = _counter()
    fence: Mapped[int | None]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    position_before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    position_after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error_kind: Mapped[str | None]
    error_message: Mapped[str | None]

    pages: Mapped[int] = _counter()
    fetched: Mapped[int] = _counter()
    inserted: Mapped[int] = _counter()
    updated: Mapped[int] = _counter()
    unchanged: Mapped[int] = _counter()
    rejected: Mapped[int] = _counter()
    superseded: Mapped[int] = _counter()
    lease_expiries: Mapped[int] = _counter()
    # Of a run that is divided: how many parts it has, how many pullers may work on them, what is done.
    parts: Mapped[int | None]
    pullers: Mapped[int | None]
    parts_done: Mapped[int] = _counter()
