"""Where the records of delimited text begin and end: the one rule of the slicer and of the decoder.

Quotes are strict: a field is quoted as a whole or holds no quote. A record whose quotes do not match up
is a problem of its first line only; the lines after it are read again as records, so that a quote that
never closes swallows nothing.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

LONGEST_RECORD = 1024 * 1024
MOST_LINES = 1000
# Process-wide, and by default smaller than a record may be.
csv.field_size_limit(LONGEST_RECORD)

BAD_QUOTES = "bad_quotes"
TOO_LONG = "record_too_long"
# The record may go on after the lines that are here.
OPEN = "open"

Parser = Callable[[str], list[str] | None]


@dataclass(frozen=True)
class Dialect:
    """How fields are parted and enclosed: one character each."""

    delimiter: str
    quote: str


class Span(NamedTuple):
    """A record by its first and last line; or a problem of the one line `first`."""

    first: int
    last: int
    problem: str | None = None


def lines(text: str) -> list[str]:
    """The physical lines with their ends: LF, CRLF, or CR alone."""
    return io.StringIO(text, newline="").readlines()


def spans(lines: Sequence[str], dialect: Dialect) -> Iterator[Span]:
    """The records of the lines, in order; empty lines are none. The first line begins a record.

    A record of one line is not looked into; a `parser` does that.
    """
    first = 0
    while first < len(lines):
        span = _span(lines, first, dialect)
        if lines[first].strip("\r\n") or span.problem:
            yield span
        first = span.last + 1


def _span(lines: Sequence[str], first: int, dialect: Dialect) -> Span:
    if len(lines[first]) > LONGEST_RECORD and len(lines[first].rstrip("\r\n")) > LONGEST_RECORD:
        return Span(first, first, TOO_LONG)
    quote = dialect.quote
    if lines[first].count(quote) % 2 == 0:
        return Span(first, first)
    # Quotes that match up are even in number: the record ends on the next line with an odd number.
    length = len(lines[first])
    for last in range(first + 1, min(first + MOST_LINES, len(lines))):
        length += len(lines[last])
        if length > LONGEST_RECORD:
            return Span(first, first, BAD_QUOTES)
        if lines[last].count(quote) % 2:
            whole = parser(dialect)("".join(lines[first : last + 1]))
            return Span(first, first, BAD_QUOTES) if whole is None else Span(first, last)
    return Span(first, first, BAD_QUOTES if len(lines) >= first + MOST_LINES else OPEN)


def parser(dialect: Dialect) -> Parser:
    """What takes a record apart, with or without its line end; None: its quotes do not match up.

    Records without quotes are split here, the others by one reader of the csv module: to make one costs
    more than to read a record.
    """
    shape, delimiter, quote = _shape(dialect), dialect.delimiter, dialect.quote
    waiting: list[str] = []
    reader = csv.reader(iter(waiting.pop, None), delimiter=delimiter, quotechar=quote, strict=True)

    def parse(record: str) -> list[str] | None:
        text = record.rstrip("\r\n")
        if quote not in text:
            return text.split(delimiter)
        if not shape.fullmatch(text):
            return None
        waiting.append(text)
        return next(reader)

    return parse


@cache
def _shape(dialect: Dialect) -> re.Pattern[str]:
    """A record whose quotes match up."""
    delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
    quoted = f"{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}"
    field = f"(?>{quoted}|[^{quote}{delimiter}\r\n]*)"
    return re.compile(f"{field}(?:{delimiter}{field})*")
