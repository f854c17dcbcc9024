"""Records that were set aside."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Reject(Base):
    """One bad record: why, where it stood, and its own text.

    `record` is the record's text as it came (cut at 64 kB); where PostgreSQL cannot hold it, NUL is
    written as U+2400 and the exact bytes are in the raw page. `raw_id` and `raw_index` find it there.
    """

    __tablename__ = "rejects"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'resolved', 'dismissed')", name="state"),
        Index(None, "source", "state", "id"),
        Index(None, "source", "raw_id"),
        Index(None, "run_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source: Mapped[str]
    run_id: Mapped[int]
    raw_id: Mapped[int]
    raw_index: Mapped[int]
    position: Mapped[str]
    key: Mapped[str | None]
    field: Mapped[str | None]
    reason: Mapped[str]
    message: Mapped[str]
    record: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
