"""Items: one page, all of them as a stream, how many, and which values are frequent."""

from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Engine, Executable, Row, Select, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles

from webapp import paging
from webapp.database import db, snapshots
from webapp.item_query import MOST_QUERIES, ItemQuery
from webapp.prepared import KEPT
from webapp.queries.slices import Slice, placed, read_slice, sliced
from webapp.shapes import Shape
from webapp.written import Form, as_cells

CHUNK = 1000
MOST_VALUES = 20
COUNT_PATIENCE_MS = 2000


def _selected(query: ItemQuery, form: Form) -> Select[Any]:
    return select(*form(query.shape.table, query.columns)).where(*query.conditions)


def page(query: ItemQuery, form: Form) -> Slice:
    """One page of the rows that were asked for, each written as `webapp.written` does."""
    if not query.one_statement:
        return read_slice(db.session, _selected(query, form), query.order, query.after, query.limit)
    try:
        return _by_one_statement(query, form)
    except DBAPIError as error:
        # The server ended the connection just now; what only reads may ask again on another one.
        if not error.connection_invalidated:
            raise
        return _by_one_statement(query, form)


def _by_one_statement(query: ItemQuery, form: Form) -> Slice:
    with db.engine.connect() as connection:
        return sliced(connection.execute(_statement(query, form)).all(), query.limit)


@lru_cache(MOST_QUERIES)
def _statement(query: ItemQuery, form: Form) -> Select[Any]:
    """The one statement of a page, kept as long as its query."""
    (found,) = paging.phases(placed(_selected(query, form), query.order), query.order, query.after)
    return found.limit(query.limit + 1).execution_options(**KEPT)


def chunks(query: ItemQuery, form: Form, engine: Engine) -> Generator[Sequence[Row[Any]], None, None]:
    """All rows after the cursor, a thousand at a time from a server-side cursor, all of one snapshot.

    It works outside the request's session, because it outlives the request.
    """
    with snapshots(engine).connect().execution_options(yield_per=CHUNK) as connection:
        for phase in paging.phases(_selected(query, form), query.order, query.after):
            yield from connection.execute(phase).partitions()


def one(shape: Shape, id: int) -> Row[Any] | None:
    """One item with all its columns."""
    return db.session.execute(select(shape.table).where(shape.table.c.id == id)).one_or_none()


def count(query: ItemQuery) -> tuple[int | None, str]:
    """How many rows the filter has, and how that is known: none, estimated or exact."""
    kind = query.asked["count"]
    if kind == "none":
        return None, kind
    return (_exact(query), "exact") if kind == "exact" else (_estimate(query), kind)


def exact_or_estimated(query: ItemQuery) -> tuple[int | None, str]:
    """The count; where counting takes too long, the planner's estimate."""
    try:
        return count(query)
    except OperationalError:
        db.session.rollback()
        return _estimate(query), "estimated"


def _exact(query: ItemQuery) -> int:
    db.session.execute(text(f"SET LOCAL statement_timeout = {COUNT_PATIENCE_MS:d}"))
    counted = select(func.count()).select_from(query.shape.table).where(*query.conditions)
    return db.session.scalar(counted) or 0


class _Plan(Executable, ColumnElement[Any]):
    """EXPLAIN of a statement."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Plan)
def _explain(plan: _Plan, compiler: Any, **kwargs: Any) -> str:
    return "EXPLAIN (FORMAT JSON) " + compiler.process(plan.statement, **kwargs)


def _estimate(query: ItemQuery) -> int:
    plan = db.session.execute(_Plan(_selected(query, as_cells))).scalar_one()
    return int(plan[0]["Plan"]["Plan Rows"])


def frequent(query: ItemQuery, column: str) -> list[dict[str, Any]]:
    """The most frequent values of a column among the filter's rows, with their counts."""
    value, rows = query.shape.table.c[column], func.count()
    counted = select(value, rows).where(*query.conditions).group_by(value)
    found = db.session.execute(counted.order_by(rows.desc(), value).limit(MOST_VALUES))
    return [{"value": value, "count": many} for value, many in found]
