"""Rows as CSV and NDJSON, chunk by chunk, in constant memory.

A stream that fails raises: the server then closes the connection without the last chunk, and the
client knows that something is missing. A line of text about it would look like data.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB

from webapp.item_query import ItemQuery
from webapp.wire import text_of
from webapp.written import FREE, Form, as_cells, as_object

Chunk = Sequence[Sequence[Any]]
MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "ndjson": "application/x-ndjson"}
# A spreadsheet executes cells that begin so.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def ndjson(query: ItemQuery, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """One JSON object a line; each row begins with its own."""
    for rows in chunks:
        yield "".join([f"{row[0]}\n" for row in rows]).encode()


def csv_text(query: ItemQuery, chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """A header, then one line a row; null is an empty cell."""
    width, free = len(query.columns), _free_cells(query)
    yield _lines([query.columns])
    for rows in chunks:
        yield _lines([_cells(row[:width], free) for row in rows])


def _free_cells(query: ItemQuery) -> Mapping[int, Callable[[Any], str | None]]:
    """How the cells are written that PostgreSQL did not write: documents, and texts that may be formulas."""
    safe = query.asked["csv_safe"]
    types = [query.shape.table.c[name].type for name in query.columns]
    rewritten = FREE if safe else JSONB
    write = _disarmed if safe else text_of
    return {number: write for number, type in enumerate(types) if isinstance(type, rewritten)}


def _cells(row: Sequence[Any], free: Mapping[int, Callable[[Any], str | None]]) -> Sequence[Any]:
    if not free:
        return row
    return [free[number](value) if number in free else value for number, value in enumerate(row)]


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _disarmed(value: Any) -> str | None:
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return text_of(value)


@dataclass(frozen=True)
class Writer:
    """A form of export: in which form PostgreSQL gives the rows, and what makes bytes of them."""

    form: Form
    write: Callable[[ItemQuery, Iterable[Chunk]], Iterator[bytes]]


WRITERS = {"csv": Writer(as_cells, csv_text), "ndjson": Writer(as_object, ndjson)}


def started(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Read the first chunk now, so that what fails at once is an ordinary error reply."""
    first = next(chunks, None)
    return chain([] if first is None else [first], chunks)
