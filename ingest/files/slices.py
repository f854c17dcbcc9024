"""Cutting the content of a delimited file into slices at record boundaries, in bounded memory.

The slices of a file, put together again, are the file. A line too long to be a record is passed on in
chunks: the first says so, the others continue it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ingest.files.delimited import LONGEST_RECORD, OPEN, lines, spans
from ingest.files.encodings import (
    count_lines,
    decode,
    encode,
    first_line_end,
    first_lines,
    lines_end,
    width,
)
from ingest.files.head import Head

# A character has up to four bytes: a longer line is too long in every encoding.
LONGEST_LINE = 4 * LONGEST_RECORD
# A line of two bytes may become a reject of a thousand: a slice is bounded in both.
MOST_SLICE_LINES = 50_000

RECORDS, TOO_LONG, CONTINUES = "records", "too_long", "continues"


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


def slices(pieces: Iterable[bytes], head: Head, start: Stand, *, size: int) -> Iterator[Slice]:
    """Cut the content from `start` on into slices of about `size` bytes and at most `MOST_SLICE_LINES`."""
    pending, stand, target = _Pending(pieces), start, size
    while True:
        pending.fill(target)
        if not pending.data:
            return
        piece = _continued(pending, head, stand) if stand.inside else _records(pending, head, stand)
        if piece is None:
            if pending.ended:
                return
            target = 2 * len(pending.data)
            continue
        yield piece
        stand, target = piece.end, size


def _records(pending: _Pending, head: Head, stand: Stand) -> Slice | None:
    """A slice of whole records; at the end of the file all that is left. None: more is needed."""
    skip = 0 if stand.offset else head.skip
    rest = pending.data[skip:]
    taken = first_lines(rest, head.encoding, MOST_SLICE_LINES)
    whole = whole_records(taken, head)
    if pending.ended and len(taken) == len(rest):
        return _slice(pending, head, stand, skip + whole, len(pending.data)) if rest else None
    if whole:
        return _slice(pending, head, stand, skip + whole, skip + whole)
    if len(rest) > LONGEST_LINE and not lines_end(rest, head.encoding):
        length = _but_one(pending.data, head)
        piece = _slice(pending, head, stand, length, length)
        return replace(piece, form=TOO_LONG, end=replace(piece.end, inside=True))
    return None


def _continued(pending: _Pending, head: Head, stand: Stand) -> Slice | None:
    """A chunk of a line too long, up to the line's end."""
    end = first_line_end(pending.data, head.encoding)
    length = end or (len(pending.data) if pending.ended else _but_one(pending.data, head))
    if not length:
        return None
    piece = _slice(pending, head, stand, length, length)
    return replace(piece, form=CONTINUES, end=replace(piece.end, inside=not end))


def _but_one(data: bytes, head: Head) -> int:
    """The length of all characters but the last, which may be half of a CRLF."""
    unit = width(head.encoding)
    return max(0, len(data) - len(data) % unit - unit)


def _slice(pending: _Pending, head: Head, stand: Stand, whole: int, length: int) -> Slice:
    body = pending.take(length)
    line = stand.line + count_lines(body[:whole], head.encoding)
    return Slice(body, whole, RECORDS, stand, Stand(stand.offset + whole, line))


def whole_records(data: bytes, head: Head) -> int:
    """The length of all records at the start that are whole whatever follows; empty lines count too."""
    end = lines_end(data, head.encoding)
    whole = data[:end]
    if head.dialect.quote.encode(head.encoding) not in whole:
        return end
    if len(data) - end > LONGEST_LINE:
        return end  # a quote that is open here stays open for longer than any record
    physical = lines(decode(whole, head.encoding))
    unfinished = next((span.first for span in spans(physical, head.dialect) if span.problem == OPEN), None)
    return end if unfinished is None else len(encode("".join(physical[:unfinished]), head.encoding))
