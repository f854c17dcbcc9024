"""Rows as CSV and NDJSON, chunk by chunk, in constant memory.

A stream that fails raises: the server then closes the connection without the last chunk, and the
client knows that something is missing. A line of text about it would look like data.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from webapp.wire import json_bytes, text_of

Chunk = Sequence[Sequence[Any]]
MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "ndjson": "application/x-ndjson"}
# A spreadsheet executes cells that begin so.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def ndjson(names: list[str], chunks: Iterable[Chunk], safe: bool) -> Iterator[bytes]:
    """One JSON object a line."""
    for rows in chunks:
        yield b"".join(json_bytes(dict(zip(names, row, strict=False))) + b"\n" for row in rows)


def csv_text(names: list[str], chunks: Iterable[Chunk], safe: bool) -> Iterator[bytes]:
    """A header, then one line a row; null is an empty cell."""
    cell = _disarmed if safe else text_of
    yield _lines([names])
    for rows in chunks:
        yield _lines([[cell(value) for value in row[: len(names)]] for row in rows])


def _lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _disarmed(value: Any) -> str | None:
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return text_of(value)


WRITERS: dict[str, Callable[[list[str], Iterable[Chunk], bool], Iterator[bytes]]] = {
    "csv": csv_text,
    "ndjson": ndjson,
}


def started(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Read the first chunk now, so that what fails at once is an ordinary error reply."""
    first = next(chunks, None)
    return chain([] if first is None else [first], chunks)
