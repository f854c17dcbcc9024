"""What a big run is divided into, and what its pullers leave for each other."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

PART_STATES = ("new", "running", "done", "failed")


class Part(Base):
    """One part of a run: a file, a range of bytes, a value of a parameter, a span of time.

    `number` is its place in the plan. `token` grows with each puller that takes it: a page is written only
    while the token is the writer's own. Its pages have the ids from `raw_base` on, so that the order of raw
    pages is the plan's, whatever is committed first.
    """

    __tablename__ = "parts"
    __table_args__ = (
        CheckConstraint(f"state IN {PART_STATES}", name="state"),
        Index(None, "source", "run_id"),
        Index(None, "run_id", "state", "number"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]
    name: Mapped[str]
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default=text("'new'"))
    worker: Mapped[str | None]
    token: Mapped[int] = mapped_column(server_default=text("0"))
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    raw_base: Mapped[int]
    pages: Mapped[int] = mapped_column(server_default=text("0"))
    error_kind: Mapped[str | None]
    error_message: Mapped[str | None]


class Trace(Base):
    """Which items a page of a part offered that stood there already, and the pages that they were of then.

    A row that is not written shows nothing of the page that offered it; when the parts are done, traces tell
    whether an earlier part wrote over it. A run that was divided has at least one row until that is settled.
    """

    __tablename__ = "traces"
    __table_args__ = (Index(None, "source", "run_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source: Mapped[str]
    run_id: Mapped[int]
    raw_id: Mapped[int]
    items: Mapped[list[int]] = mapped_column(ARRAY(BigInteger()))
    pages: Mapped[list[int]] = mapped_column(ARRAY(BigInteger()))
