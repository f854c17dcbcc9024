"""Who may use the HTTP API, besides the holder of the environment's API_KEY."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, LargeBinary, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

# Each allows what those before it allow.
SCOPES = ("read", "trigger", "admin")


class ApiKey(Base):
    """One issued key, `prefix_secret`. The prefix names it in logs; of the secret only the SHA-256 is here.

    A plain hash is enough: the secret has 256 random bits, so there is nothing to guess. `last_used_at`
    is exact to a minute. Rows stay when a key is revoked, for the runs that it asked for name its prefix.
    """

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint(f"scope IN {SCOPES}", name="scope"), UniqueConstraint("prefix"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    prefix: Mapped[str]
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str]
    scope: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
