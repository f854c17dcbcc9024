"""What was fetched, byte for byte."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, Sequence, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

RAW_ID = Sequence("raw_data_id_seq", metadata=Base.metadata)


class RawPage(Base):
    """One page as it came. Partitioned by source: `raw_<source>` can be pruned or dropped alone.

    `body` is the zstd frame of the bytes, `size` and `sha256` are those of the bytes themselves.
    `request` tells how to ask for them again, without secrets: method, URL and status of an API's
    reply, or file, offset and header of a slice. Ids grow in the order of fetching; an identity
    column would need PostgreSQL 17 on a partitioned table, so they come from a sequence.
    """

    __tablename__ = "raw_data"
    __table_args__ = (
        Index(None, "run_id"),
        Index(None, "fetched_at"),
        {"postgresql_partition_by": "LIST (source)"},
    )

    source: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(RAW_ID, primary_key=True, server_default=RAW_ID.next_value())
    run_id: Mapped[int]
    part: Mapped[str]
    sequence: Mapped[int]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    media_type: Mapped[str]
    records: Mapped[int]
    size: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[datetime]
    landed_at: Mapped[datetime] = mapped_column(server_default=func.now())
