"""Cutting the content of a file into slices at record boundaries, in bounded memory.

The slices of a file, put together again, are the file. A line too long to be a record is passed on in
chunks: the first says so, the others continue it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from ingest.files.delimited import LONGEST_RECORD

# A character has up to four bytes: a longer line is too long in every encoding.
LONGEST_LINE = 4 * LONGEST_RECORD
# A line of two bytes may become a reject of a thousand: a slice is bounded in both.
MOST_SLICE_LINES = 50_000

RECORDS, TOO_LONG, CONTINUES = "records", "too_long", "continues"


class Layout(Protocol):
    """What a form of file says of its bytes: where lines end, and which of them make whole records."""

    @property
    def skip(self) -> int:
        """How many bytes stand before the first record."""

    def lines_end(self, data: bytes) -> int:
        """The length of all whole lines at the start."""

    def whole_records(self, data: bytes) -> int:
        """The length of all records at the start that are whole whatever follows; empty lines count too."""

    def first_line_end(self, data: bytes) -> int:
        """The length of the first whole line, or 0."""

    def first_lines(self, data: bytes, most: int) -> bytes:
        """The data, or as many lines of them if they hold more line ends than that."""

    def count_lines(self, data: bytes) -> int:
        """How many line ends the bytes hold."""

    def chunk(self, data: bytes) -> int:
        """How much of a line can be passed on although its end is not there."""


@dataclass(frozen=True)
class Stand:
    """A place in a file: bytes before it, its line (from 1), and whether it is inside a line too long."""

    offset: int = 0
    line: int = 1
    inside: bool = False


@dataclass(frozen=True)
class Slice:
    """Bytes of a file and where they begin and end. After `whole` bytes an unfinished record may follow."""

    body: bytes
    whole: int
    form: str
    start: Stand
    end: Stand


class _Pending:
    """Bytes that were read and not yet cut off."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._ahead = b""
        self.data = b""
        self.ended = False

    def fill(self, target: int) -> None:
        """Read until there are exactly that many bytes, or no more."""
        parts, missing = [self.data], target - len(self.data)
        while missing > 0 and not self.ended:
            piece = self._ahead or next(self._pieces, None)
            self.ended = piece is None
            taken = (piece or b"")[:missing]
            self._ahead = (piece or b"")[missing:]
            parts.append(taken)
            missing -= len(taken)
        self.data = b"".join(parts)

    def take(self, length: int) -> bytes:
        """Cut off the first bytes."""
        taken, self.data = self.data[:length], self.data[length:]
        return taken


def slices(pieces: Iterable[bytes], layout: Layout, start: Stand, *, size: int) -> Iterator[Slice]:
    """Cut the content from `start` on into slices of about `size` bytes and at most `MOST_SLICE_LINES`."""
    pending, stand, target = _Pending(pieces), start, size
    while True:
        pending.fill(target)
        if not pending.data:
            return
        piece = _continued(pending, layout, stand) if stand.inside else _records(pending, layout, stand)
        if piece is None:
            if pending.ended:
                return
            target = 2 * len(pending.data)
            continue
        yield piece
        stand, target = piece.end, size


def _records(pending: _Pending, layout: Layout, stand: Stand) -> Slice | None:
    """A slice of whole records; at the end of the file all that is left. None: more is needed."""
    skip = 0 if stand.offset else layout.skip
    rest = pending.data[skip:]
    taken = layout.first_lines(rest, MOST_SLICE_LINES)
    whole = layout.whole_records(taken)
    if pending.ended and len(taken) == len(rest):
        return _slice(pending, layout, stand, skip + whole, len(pending.data)) if rest else None
    if whole:
        return _slice(pending, layout, stand, skip + whole, skip + whole)
    if len(rest) > LONGEST_LINE and not layout.lines_end(rest):
        length = layout.chunk(pending.data)
        piece = _slice(pending, layout, stand, length, length)
        return replace(piece, form=TOO_LONG, end=replace(piece.end, inside=True))
    return None


def _continued(pending: _Pending, layout: Layout, stand: Stand) -> Slice | None:
    """A chunk of a line too long, up to the line's end."""
    end = layout.first_line_end(pending.data)
    length = end or (len(pending.data) if pending.ended else layout.chunk(pending.data))
    if not length:
        return None
    piece = _slice(pending, layout, stand, length, length)
    return replace(piece, form=CONTINUES, end=replace(piece.end, inside=not end))


def _slice(pending: _Pending, layout: Layout, stand: Stand, whole: int, length: int) -> Slice:
    body = pending.take(length)
    line = stand.line + layout.count_lines(body[:whole])
    return Slice(body, whole, RECORDS, stand, Stand(stand.offset + whole, line))
