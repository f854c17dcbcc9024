"""Where a source stands."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Checkpoint(Base):
    """The position after the last page that happened, for one part of a source.

    An API has the one part `""`; a glob of files has a part for each file. `run_id` and `fence` are
    those of the transaction that wrote the data which the position covers.
    """

    __tablename__ = "checkpoints"

    source: Mapped[str] = mapped_column(ForeignKey("sources.name"), primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[dict[str, Any]] = mapped_column(JSONB)
    run_id: Mapped[int]
    fence: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
