"""Raw pages as they were kept, read back one at a time, with the rejects that wait for a better verdict."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Exists, Select, exists, func, literal, select

from ingest.packed import unpack
from ingest.page import Page
from models import RawPage, Reject


@dataclass(frozen=True)
class Waiting:
    """What an open reject says of its record."""

    key: str | None
    position: str
    record: str


@dataclass(frozen=True)
class Kept:
    """A raw page, and what is known of its open rejects by their record's number in the page, from 0."""

    id: int
    page: Page
    waiting: dict[int, Waiting]


def kept_pages(db: Engine, source: str, *, waiting: bool, after: int = 0) -> Iterator[Kept]:
    """Yield the source's raw pages after that id, in order: all of them, or those with open rejects.

    No transaction is open in between. Pages that retention has deleted are not there any more.
    """
    wanted = _waiting if waiting else _any
    while True:
        with db.connect() as connection:
            kept = _read(connection, source, wanted(source, after))
        if kept is None:
            return
        yield kept
        after = kept.id


def _any(source: str, after: int) -> Select[int]:
    return (
        select(RawPage.id).where(RawPage.source == source, RawPage.id > after).order_by(RawPage.id).limit(1)
    )


def _waiting(source: str, after: int) -> Select[int]:
    open_ = (Reject.source == source, Reject.state == "open", Reject.raw_id > after)
    return select(Reject.raw_id).where(*open_, page_is_there()).order_by(Reject.raw_id).limit(1)


def page_is_there() -> Exists:
    """The condition that the raw page of a reject is kept still."""
    return exists().where(RawPage.source == Reject.source, RawPage.id == Reject.raw_id)


def without_page(tx: Connection, source: str) -> int:
    """How many open rejects of the source cannot be judged again, because their raw page is gone."""
    open_ = (Reject.source == source, Reject.state == "open")
    return tx.scalar(select(func.count()).select_from(Reject).where(*open_, ~page_is_there())) or 0


def kept_page(connection: Connection, source: str, raw_id: int) -> Kept | None:
    """The raw page with that id; None when retention has deleted it."""
    return _read(connection, source, select(literal(raw_id)))


def _read(connection: Connection, source: str, raw_id: Select[int]) -> Kept | None:
    wanted = (RawPage.source == source, RawPage.id == raw_id.scalar_subquery())
    row = connection.execute(select(RawPage.__table__).where(*wanted)).one_or_none()
    if row is None:
        return None
    page = Page(unpack(row.body, row.size), row.media_type, row.request, None, row.part, row.fetched_at)
    return Kept(row.id, page, _open_rejects(connection, source, row.id))


def _open_rejects(connection: Connection, source: str, raw_id: int) -> dict[int, Waiting]:
    columns = (Reject.raw_index, Reject.key, Reject.position, Reject.record)
    wanted = (Reject.source == source, Reject.raw_id == raw_id, Reject.state == "open")
    rows = connection.execute(select(*columns).where(*wanted))
    return {row.raw_index: Waiting(row.key, row.position, row.record) for row in rows}
