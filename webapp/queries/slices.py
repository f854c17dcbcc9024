"""Reading one page of anything that has an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Result, Row, Select

from webapp import paging


@dataclass(frozen=True)
class Slice:
    """Some rows, the place after the last of them, and whether more follow."""

    rows: Sequence[Row[Any]]
    end: paging.Place | None
    has_more: bool


class Reader(Protocol):
    """Whatever executes statements: a connection, or the session."""

    def execute(self, statement: Select[Any], /) -> Result[Any]: ...


def read_slice(
    reader: Reader, select: Select[Any], order: paging.Order, after: paging.Place | None, limit: int
) -> Slice:
    """Read up to `limit` rows after the place; the select's last two columns become the place."""
    rows: list[Row[Any]] = []
    for phase in paging.phases(placed(select, order), order, after):
        rows += reader.execute(phase.limit(limit + 1 - len(rows))).all()
        if len(rows) > limit:
            break
    return sliced(rows, limit)


def placed(select: Select[Any], order: paging.Order) -> Select[Any]:
    """The select with two more columns, which are the place of each row."""
    return select.add_columns(order.column.label("place_value"), order.id.label("place_id"))


def sliced(rows: Sequence[Row[Any]], limit: int) -> Slice:
    """The slice that these rows make; one more than the limit says that more follow."""
    kept = rows[:limit]
    return Slice(kept, paging.Place(kept[-1][-2], kept[-1][-1]) if kept else None, len(rows) > limit)
