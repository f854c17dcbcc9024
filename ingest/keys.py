"""API keys: made, looked up, revoked. The caller opens the transaction.

A key is `prefix_secret`. The prefix finds the row and may be shown; the secret is compared by its hash, in
constant time, also where there is no such row. Times are those of PostgreSQL's clock.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, case, func, insert, select, text, update

from models import SCOPES, ApiKey

PREFIX_BYTES, SECRET_BYTES = 6, 32
PREFIX = re.compile(rf"[0-9a-f]{{{PREFIX_BYTES * 2}}}")
# The hash of no key: what an unknown prefix is compared with.
NOBODY = bytes(32)
MINUTE = text("interval '1 minute'")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Holder:
    """Who sent a good key. `prefix` tells keys apart and may be logged; None: the key of the environment."""

    prefix: str | None
    scope: str

    def may(self, scope: str) -> bool:
        """Whether the key's scope includes this one."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


@dataclass(frozen=True)
class Created:
    """A new key. `key` is shown once and kept nowhere."""

    key: str
    prefix: str
    expires_at: datetime | None


class KeyRefused(Exception):
    """The key is not good. The text says why, for the log: whoever sent it is not told."""

    def __init__(self, why: str, prefix: str | None = None) -> None:
        super().__init__(why)
        self.prefix = prefix


def same(sent: str, key: str) -> bool:
    """Whether two keys are equal, in a time that tells neither their contents nor their lengths."""
    return hmac.compare_digest(_hash(sent), _hash(key))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create(tx: Connection, name: str, scope: str, *, lasts: timedelta | None = None) -> Created:
    """Make a key of the scope, for ever or for the time that it lasts."""
    prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_hex(SECRET_BYTES)
    expires = None if lasts is None else func.now() + lasts
    row = {"prefix": prefix, "secret_sha256": _hash(secret), "name": name, "scope": scope}
    expires_at = tx.scalar(insert(ApiKey).values(**row, expires_at=expires).returning(ApiKey.expires_at))
    until = None if expires_at is None else expires_at.isoformat()
    log.info("key created", prefix=prefix, name=name, scope=scope, expires_at=until)
    return Created(f"{prefix}_{secret}", prefix, expires_at)


def revoke(tx: Connection, prefix: str) -> bool:
    """Let the key open nothing from now on; False when there is no such key. Twice is harmless."""
    ended = update(ApiKey).where(ApiKey.prefix == prefix)
    at = func.coalesce(ApiKey.revoked_at, func.now())
    name = tx.scalar(ended.values(revoked_at=at).returning(ApiKey.name))
    if name is not None:
        log.info("key revoked", prefix=prefix, name=name)
    return name is not None


_STATE = case(
    (ApiKey.revoked_at.is_not(None), "revoked"), (ApiKey.expires_at <= func.now(), "expired"), else_="live"
).label("state")
LISTED = (
    ApiKey.prefix,
    ApiKey.name,
    ApiKey.scope,
    _STATE,
    ApiKey.created_at,
    ApiKey.last_used_at,
    ApiKey.expires_at,
    ApiKey.revoked_at,
)


def listed(tx: Connection) -> list[Row[Any]]:
    """All keys, oldest first; nothing of their secrets."""
    return list(tx.execute(select(*LISTED).order_by(ApiKey.id)))


# A server that takes no writes for a while still answers those who read.
_WRITABLE = func.current_setting("transaction_read_only") == "off"
_UNUSED = func.coalesce(ApiKey.last_used_at < func.now() - MINUTE, True) & _WRITABLE


def holder(tx: Connection, sent: str) -> Holder:
    """Whose key this is; it counts as used. Raises KeyRefused."""
    prefix, _, secret = sent.partition("_")
    found = _find(tx, prefix)
    known = NOBODY if found is None else found.secret_sha256
    right = hmac.compare_digest(_hash(secret), known)
    if found is None or not right:
        raise KeyRefused("unknown", None if found is None else prefix)
    if found.state != "live":
        raise KeyRefused(found.state, prefix)
    if found.unused:
        tx.execute(update(ApiKey).where(ApiKey.id == found.id, _UNUSED).values(last_used_at=func.now()))
    return Holder(prefix, found.scope)


def _find(tx: Connection, prefix: str) -> Row[Any] | None:
    """The row of the prefix; what has not its form is in no row, and may be what PostgreSQL cannot read."""
    if not PREFIX.fullmatch(prefix):
        return None
    columns = (ApiKey.id, ApiKey.secret_sha256, ApiKey.scope, _STATE, _UNUSED.label("unused"))
    return tx.execute(select(*columns).where(ApiKey.prefix == prefix)).one_or_none()
