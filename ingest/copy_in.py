"""psycopg2's own cursor, and COPY: many rows at once, as lines of PostgreSQL's text format."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import polars as pl
import psycopg2
from psycopg2 import sql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

# Rows that are written out and sent at once; fewer take longer, more take memory.
PIECE = 10_000


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


def copy_in(tx: Connection, table: str, columns: Sequence[str], rows: pl.DataFrame) -> None:
    """Write the rows into the columns of the table. Their texts are written as COPY reads them already.

    A column of `rows` may hold several of the table's, with tabs between them.
    """
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(table), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with own_cursor(tx) as cursor:
        cursor.copy_expert(statement, _Lines(rows))


class _Lines:
    """The rows as a file of lines that is read a piece at a time."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._pieces = rows.iter_slices(PIECE)

    def read(self, size: int) -> bytes:
        """The next lines; `size` is no limit for psycopg2, which sends what it gets."""
        piece = next(self._pieces, None)
        if piece is None:
            return b""
        lines = BytesIO()
        piece.write_csv(lines, include_header=False, separator="\t", quote_style="never")
        return lines.getvalue()
