"""Records that were set aside."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, func, select

from ingest.kept import page_is_there
from models import Reject
from webapp import paging
from webapp.database import db
from webapp.queries.slices import Slice, read_slice

NEWEST_FIRST = paging.Order(Reject.id, Reject.id, descending=True)
FILTERS = ("source", "reason", "state", "run_id")
EXCERPT = 500
LISTED = ("id", "source", "run_id", "raw_id", "raw_index", "position", "key", "field", "reason", "message")


def page(asked: Mapping[str, Any], after: paging.Place | None, limit: int) -> Slice:
    """One page of rejects, newest first, each with the beginning of its record."""
    wanted = [getattr(Reject, name).in_(asked[name]) for name in FILTERS if name in asked]
    columns = [getattr(Reject, name) for name in (*LISTED, "state", "created_at", "updated_at")]
    excerpt = func.left(Reject.record, EXCERPT).label("excerpt")
    return read_slice(db.session, select(*columns, excerpt).where(*wanted), NEWEST_FIRST, after, limit)


def one(id: int) -> Row[Any] | None:
    """One reject with its whole record, and whether its raw page is still there."""
    found = select(Reject.__table__, page_is_there().label("raw_page_kept"))
    return db.session.execute(found.where(Reject.id == id)).one_or_none()
