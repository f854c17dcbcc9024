"""Every statement of the command line: reads alone. What changes anything is in `ingest`.

The caller opens the transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Lateral, Row, Select, func, select, true

from ingest.declared import Dataset
from ingest.kept import page_is_there
from ingest.normalize.fields import dataset_table
from models import PULLS, Reject, Run, Source

ERROR = "error_message"
LAST = ("id", "state", "created_at", "started_at", "finished_at", ERROR)


def runs_by_id(tx: Connection, ids: Iterable[int]) -> list[Row[Any]]:
    """Runs by their ids, oldest first."""
    return list(tx.execute(select(Run.__table__).where(Run.id.in_(list(ids))).order_by(Run.id)))


def newest_runs(tx: Connection, wanted: Mapping[str, Sequence[str]], limit: int) -> list[Row[Any]]:
    """The newest runs that have one of the wanted values in each column, newest first."""
    found = _filtered(select(Run.__table__), Run, wanted)
    return list(tx.execute(found.order_by(Run.id.desc()).limit(limit)))


def newest_rejects(tx: Connection, wanted: Mapping[str, Sequence[Any]], limit: int) -> list[Row[Any]]:
    """The newest rejects that have one of the wanted values in each column, newest first."""
    found = _filtered(select(Reject.__table__), Reject, wanted)
    return list(tx.execute(found.order_by(Reject.id.desc()).limit(limit)))


def count_rejects(tx: Connection, wanted: Mapping[str, Sequence[Any]]) -> int:
    """How many rejects have one of the wanted values in each column."""
    return tx.scalar(_filtered(select(func.count()).select_from(Reject), Reject, wanted)) or 0


def _filtered(query: Select[Any], table: Any, wanted: Mapping[str, Sequence[Any]]) -> Select[Any]:
    return query.where(*(getattr(table, name).in_(values) for name, values in wanted.items() if values))


def reject(tx: Connection, reject_id: int) -> Row[Any] | None:
    """One reject, and whether its raw page is still there."""
    found = select(Reject.__table__, page_is_there().label("raw_page_kept"))
    return tx.execute(found.where(Reject.id == reject_id)).one_or_none()


def switches(tx: Connection) -> dict[str, bool]:
    """Whether each source that the database knows is scheduled."""
    return {row.name: row.enabled for row in tx.execute(select(Source.name, Source.enabled))}


def standing(tx: Connection) -> dict[str, Row[Any]]:
    """By source: `enabled`, its last pull (`LAST`), `last_success_at` and `rejects_open`."""
    last = _latest("last")
    good = _latest("good", Run.state == "succeeded")
    rejects = (
        select(func.count()).where(Reject.source == Source.name, Reject.state == "open").scalar_subquery()
    )
    query = select(
        Source.name,
        Source.enabled,
        Source.created_at.label("known_since"),
        *(last.c[name] for name in LAST),
        good.c.finished_at.label("last_success_at"),
        rejects.label("rejects_open"),
    )
    joined = query.select_from(Source).outerjoin(last, true()).outerjoin(good, true())
    return {row.name: row for row in tx.execute(joined)}


def _latest(name: str, *conditions: Any) -> Lateral:
    mine = select(Run).where(Run.source == Source.name, Run.mode.in_(PULLS), *conditions)
    return mine.order_by(Run.id.desc()).limit(1).lateral(name)


def items_by_source(tx: Connection, datasets: Iterable[Dataset]) -> dict[str, int]:
    """How many items each source has."""
    counted: dict[str, int] = {}
    for dataset in datasets:
        column = dataset_table(dataset).c.source
        counted.update((row[0], row[1]) for row in tx.execute(select(column, func.count()).group_by(column)))
    return counted
