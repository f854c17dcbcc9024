"""Rows that PostgreSQL refuses although every check of ours let them through, found by halves.

The catalogue does not know all that a table may demand: a constraint or a trigger that somebody added, a row
wider than a page of PostgreSQL's. Only the rows that are refused are left out; while none is, this costs one
savepoint for each write.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ingest.errors import SourceBroken
from ingest.postgres_errors import about_a_row, said

# So many refusals of one page are no accident of single rows, and to find each takes two tries.
MOST_REFUSED = 1000


@dataclass(frozen=True)
class Refused:
    """A row that PostgreSQL did not take: its number in the page, its key, and what PostgreSQL said."""

    index: int
    key: str
    field: str | None
    message: str


def write_by_halves(
    tx: Connection, table: str, rows: pl.DataFrame, write: Callable[[pl.DataFrame], int]
) -> tuple[int, list[Refused]]:
    """Write the rows but those that PostgreSQL refuses; return how many `write` wrote, and the refused ones.

    Raises SourceBroken when more than MOST_REFUSED are refused.
    """
    written, refused, waiting = 0, list[Refused](), [] if rows.is_empty() else [rows]
    while waiting:
        part = waiting.pop()
        try:
            with _savepoint(tx):
                written += write(part)
        except DBAPIError as error:
            if not about_a_row(error):
                raise
            if len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
            else:
                refused.append(_refused(part, error))
        check_refused(table, refused)
    return written, refused


def check_refused(table: str, refused: list[Refused]) -> None:
    """Raise SourceBroken when more than MOST_REFUSED rows of a page are refused."""
    if len(refused) > MOST_REFUSED:
        raise _too_many(table, refused)


@contextmanager
def _savepoint(tx: Connection) -> Iterator[None]:
    """Undo what a refused row leaves behind.

    Not by SQLAlchemy's begin_nested, whose savepoint stays open after a rollback: thousands of them, one
    inside the other, take seconds and PostgreSQL's memory for locks.
    """
    tx.execute(text("SAVEPOINT half"))
    try:
        yield
    except DBAPIError as error:
        if about_a_row(error):
            tx.execute(text("ROLLBACK TO SAVEPOINT half; RELEASE SAVEPOINT half"))
        raise
    tx.execute(text("RELEASE SAVEPOINT half"))


def _refused(row: pl.DataFrame, error: DBAPIError) -> Refused:
    column = getattr(getattr(error.orig, "diag", None), "column_name", None)
    return Refused(row["index"].item(), row["key"].item(), column, said(error))


def _too_many(table: str, refused: list[Refused]) -> SourceBroken:
    return SourceBroken(
        f"PostgreSQL refuses more than {MOST_REFUSED} rows of one page; record {refused[-1].index + 1} with "
        f"{refused[-1].message}. The catalogue does not ask for that, so look at the table: "
        f'psql "$DATABASE_URL" -c "\\d {table}"',
        kind="storage",
    )
