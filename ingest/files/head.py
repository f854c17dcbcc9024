"""What stands before the records of a CSV file: byte order mark, preamble, header."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.errors import SourceBroken
from ingest.files.delimited import LONGEST_RECORD, OPEN, Dialect, lines, parser, spans
from ingest.files.encodings import (
    MARK,
    count_lines,
    decode,
    encode,
    first_line_end,
    first_lines,
    lines_end,
    recognised,
    width,
)
from ingest.files.slices import LONGEST_LINE

# As many as a spreadsheet has. Every record is parted into so many cells.
MOST_COLUMNS = 16_384


@dataclass(frozen=True)
class Head:
    """The encoding (without its mark), the columns, and how many bytes stand before the first record.

    It is also the `Layout` of the file, whose lines end with LF, CRLF, or CR alone.
    """

    encoding: str
    dialect: Dialect
    header: list[str]
    skip: int

    def lines_end(self, data: bytes) -> int:
        """See `Layout`."""
        return lines_end(data, self.encoding)

    def whole_records(self, data: bytes) -> int:
        """See `Layout`. A record whose quote is still open is not whole."""
        end = lines_end(data, self.encoding)
        whole = data[:end]
        if self.dialect.quote.encode(self.encoding) not in whole:
            return end
        if len(data) - end > LONGEST_LINE:
            return end  # a quote that is open here stays open for longer than any record
        text = decode(whole, self.encoding)
        odd = self._first_odd(text)
        physical = lines(text[odd:])
        open_at = next((span.first for span in spans(physical, self.dialect) if span.problem == OPEN), None)
        if open_at is None:
            return end
        return len(encode(text[:odd] + "".join(physical[:open_at]), self.encoding))

    def _first_odd(self, text: str) -> int:
        """Where the first line begins whose quotes do not pair; each line before it is a record. Or the end.

        Only lines with quotes are looked for: to part the others from each other takes longer than the rest.
        """
        flat, quote = text.replace("\r", "\n"), self.dialect.quote
        at = flat.find(quote)
        while at >= 0:
            begin, end = flat.rfind("\n", 0, at) + 1, flat.find("\n", at)
            if end < 0:
                end = len(flat)
            if flat.count(quote, begin, end) % 2:
                return begin
            at = flat.find(quote, end)
        return len(text)

    def first_line_end(self, data: bytes) -> int:
        """See `Layout`."""
        return first_line_end(data, self.encoding)

    def first_lines(self, data: bytes, most: int) -> bytes:
        """See `Layout`."""
        return first_lines(data, self.encoding, most)

    def count_lines(self, data: bytes) -> int:
        """See `Layout`."""
        return count_lines(data, self.encoding)

    def chunk(self, data: bytes) -> int:
        """See `Layout`. All characters but the last, which may be half of a CRLF."""
        unit = width(self.encoding)
        return max(0, len(data) - len(data) % unit - unit)


def read_head(
    pieces: Iterable[bytes],
    dialect: Dialect,
    *,
    encoding: str,
    header: Literal[True] | Sequence[str],
    skip_lines: int,
) -> Head | None:
    """The head of a file, from its first pieces; None when the file holds nothing. Raises SourceBroken."""
    names = None if header is True else list(header)
    data = b""
    for piece in pieces:
        data += piece
        if len(data) >= 4 and (head := _head(data, dialect, encoding, names, skip_lines, ended=False)):
            return head
        if len(data) > 4 * LONGEST_RECORD:
            raise SourceBroken(f"no header in the first {len(data)} bytes", kind="file")
    return _head(data, dialect, encoding, names, skip_lines, ended=True)


def _head(
    data: bytes, dialect: Dialect, declared: str, names: list[str] | None, skip_lines: int, *, ended: bool
) -> Head | None:
    """The head, if it is whole."""
    encoding, mark = recognised(data, declared)
    rest = data[mark:]
    text = decode(rest if ended else rest[: lines_end(rest, encoding)], encoding)
    physical = lines(text)
    if len(physical) < skip_lines or not text.strip():
        return None
    last = skip_lines - 1
    if names is None:
        span = next(spans(physical[skip_lines:], dialect), None)
        if span is None or (span.problem == OPEN and not ended):
            return None
        last = skip_lines + span.last
        names = _names("".join(physical[skip_lines + span.first : last + 1]), dialect)
    skip = mark + len(encode("".join(physical[: last + 1]), encoding))
    return Head(encoding, dialect, names, skip)


def _names(record: str, dialect: Dialect) -> list[str]:
    if MARK.search(record):
        raise SourceBroken("the header is not in the declared encoding", kind="file")
    found = parser(dialect)(record)
    if found is None:
        raise SourceBroken("the quotes of the header do not match up", kind="file")
    return [name.strip() for name in found]


def check_columns(header: Sequence[str], wanted: Iterable[str]) -> None:
    """Raise SourceBroken for too many columns; for duplicate, nameless and missing ones, all at once."""
    if len(header) > MOST_COLUMNS:
        raise SourceBroken(f"has {len(header)} columns; at most {MOST_COLUMNS} are read", kind="file")
    problems = [
        f"column {name!r} is there {times} times" for name, times in Counter(header).items() if times > 1
    ]
    problems += [f"column {number} has no name" for number, name in enumerate(header, 1) if not name]
    problems += [f"column {name!r} holds a NUL" for name in header if "\x00" in name]
    problems += [f"no column {name!r}{_suggested(name, header)}" for name in wanted if name not in header]
    if problems:
        columns = ", ".join(repr(name) for name in header[:50])
        raise SourceBroken(f"{'; '.join(problems)}; the columns are {columns}", kind="file")


def _suggested(name: str, header: Sequence[str]) -> str:
    by_lower = {each.lower(): each for each in header}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" (did you mean {by_lower[near[0]]!r}?)" if near else ""
