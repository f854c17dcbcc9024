"""psycopg2's own cursor, and COPY: many rows at once, as lines of PostgreSQL's text format."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
import psycopg2
from psycopg2 import sql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

# Lines that are sent at once.
PIECE = 2000
LONGEST_READ = 1024 * 1024


@contextmanager
def own_cursor(tx: Connection) -> Iterator[Any]:
    """psycopg2's own cursor, which alone can COPY, with its errors as SQLAlchemy's."""
    try:
        connection: Any = tx.connection
        with connection.cursor() as cursor:
            yield cursor
    except psycopg2.Error as error:
        dialect: Any = tx.dialect
        gone = dialect.is_disconnect(error, None, None)
        raise DBAPIError.instance(
            None,
            None,
            error,
            psycopg2.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=tx.dialect,
        ) from error


def copy_in(tx: Connection, table: str, columns: Sequence[str], lines: pl.Series) -> None:
    """Write the lines, a row each, into the columns of the table."""
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(table), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with own_cursor(tx) as cursor:
        cursor.copy_expert(statement, _Lines(lines), LONGEST_READ)


class _Lines:
    """The lines as a file that is read a piece at a time: to hold them once more takes time."""

    def __init__(self, lines: pl.Series) -> None:
        self._pieces = (lines[start : start + PIECE] for start in range(0, len(lines), PIECE))

    def read(self, size: int) -> bytes:
        """The next lines; `size` is no limit for psycopg2, which sends what it gets."""
        piece = next(self._pieces, None)
        return b"" if piece is None else ("\n".join(piece.to_list()) + "\n").encode()
