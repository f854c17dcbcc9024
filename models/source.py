"""Runtime state of a declared source."""

from datetime import datetime

from sqlalchemy import func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Source(Base):
    """One row a source; the declaration itself is a file in `catalog/sources/`.

    `fence` grows by one at every claim of a run. A transaction that writes data first reads it under
    a row lock and stops unless it is the number that its own run was claimed with.
    """

    __tablename__ = "sources"

    name: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
