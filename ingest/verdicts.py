"""What becomes of rejects later: their records are judged again, or people dismiss them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select, update

from ingest.declared import Source
from ingest.normalize.fields import dataset_table
from ingest.page import Reject
from ingest.storable import storable
from models import Reject as RejectRow

LONGEST_MESSAGE = 65_536
VERDICT = ("key", "field", "reason", "message")


def judged_again(
    tx: Connection, source: Source, raw_id: int, accepted: Collection[int], refused: Sequence[Reject]
) -> list[Reject]:
    """Bring the page's rejects in line with today's verdicts; return the refused records that have none yet.

    What was accepted is resolved; what was refused stays open with its newest reason. Dismissed stays
    dismissed, and what a later record has settled stays so: only where the row that stands is the very
    record that is refused now, its newest reject is opened again.
    """
    known = {row.raw_index: row for row in _of_page(tx, source.name, raw_id)}
    _resolve(tx, [row.id for index, row in known.items() if index in accepted])
    again = [(known[reject.index], reject) for reject in refused if reject.index in known]
    settled = {row.raw_index: reject.key for row, reject in again if row.state == "resolved"}
    reopened = _standing(tx, source, raw_id, settled)
    for row, reject in again:
        if row.state == "open" or row.raw_index in reopened:
            _renew(tx, row, reject)
    return [reject for reject in refused if reject.index not in known]


def _of_page(tx: Connection, source: str, raw_id: int) -> Sequence[Row[Any]]:
    columns = (RejectRow.id, RejectRow.raw_index, RejectRow.state)
    verdict = (getattr(RejectRow, name) for name in VERDICT)
    wanted = (RejectRow.source == source, RejectRow.raw_id == raw_id)
    return tx.execute(select(*columns, *verdict).where(*wanted)).all()


def _resolve(tx: Connection, ids: Sequence[int]) -> None:
    open_ = (RejectRow.id.in_(ids), RejectRow.state == "open")
    tx.execute(update(RejectRow).where(*open_).values(state="resolved", updated_at=func.now()))


def _standing(
    tx: Connection, source: Source, raw_id: int, settled: Mapping[int, str | None]
) -> Collection[int]:
    """Those of the records, by number and key, that stand in the dataset's table, with no newer reject."""
    if not settled:
        return ()
    item = dataset_table(source.dataset).c
    this_page = (item.source == source.name, item.raw_id == raw_id)
    same_key = (RejectRow.source == source.name, RejectRow.key == item.key)
    newest = ~exists().where(*same_key, RejectRow.raw_id > raw_id)
    keys = [key for key in settled.values() if key is not None]
    found = select(item.raw_index).where(*this_page, item.key.in_(keys), newest)
    return set(tx.scalars(found)) & settled.keys()


def _renew(tx: Connection, row: Row[Any], reject: Reject) -> None:
    """Open with today's verdict, unless it says so already, or people have dismissed it at this moment."""
    verdict = {name: getattr(reject, name) for name in VERDICT}
    verdict["message"] = storable(reject.message, longest=LONGEST_MESSAGE)
    if row.state == "open" and all(getattr(row, name) == value for name, value in verdict.items()):
        return
    same = (RejectRow.id == row.id, RejectRow.state == row.state)
    tx.execute(update(RejectRow).where(*same).values(state="open", updated_at=func.now(), **verdict))


def dismiss(
    tx: Connection,
    *,
    ids: Sequence[int] = (),
    sources: Sequence[str] = (),
    reasons: Sequence[str] = (),
) -> list[int]:
    """Dismiss the open rejects that have one of each that is given; return their ids, lowest first."""
    given = ((RejectRow.id, ids), (RejectRow.source, sources), (RejectRow.reason, reasons))
    wanted = [column.in_(values) for column, values in given if values]
    if not wanted:
        raise ValueError("to dismiss all rejects of all sources is nobody's intention")
    rows = tx.execute(
        update(RejectRow)
        .where(RejectRow.state == "open", *wanted)
        .values(state="dismissed", updated_at=func.now())
        .returning(RejectRow.id)
    )
    return sorted(row.id for row in rows)
