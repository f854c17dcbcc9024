"""Where a file stands: a ledger of its content, and what is new since.

The position of a file says how many bytes of whole records were loaded, and their hash. When the file still
begins with them, reading goes on after them, and a file without anything new gives no slice; otherwise the
file is read whole. So one rule covers a crash, an unchanged file, one that was appended to and one that was
replaced, compressed or not.
"""

import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import Any

from ingest.files.slices import Layout, Slice, Stand, slices
from ingest.kinds.folder import Reader
from ingest.page import Position


def unread(
    position: Position, read: Reader, layout: Layout, *, form: str, size: int
) -> Iterator[tuple[Slice, Position]]:
    """The slices of what is new in a file, each with the position after it.

    `form` says how the bytes are read; read in another way, or from another place, they are other records.
    """
    form += repr((read.start.offset, read.start.line)) if read.start.offset else ""
    start, digest, pieces = _rest(position, form, read)
    for piece in slices(pieces, layout, start, size=size):
        digest.update(piece.body[: piece.whole])
        after = _position(piece, form, digest)
        if (
            not piece.whole
            and after["tail"] == position.get("tail")
            and start.offset == position.get("offset")
        ):
            return  # the unfinished record at the end is the one that was loaded last time
        yield piece, after


def _rest(position: Position, form: str, read: Reader) -> tuple[Stand, Any, Iterator[bytes]]:
    """Where to begin, the hash of what is before it, and the content from there on."""
    if position.get("form") == form:
        pieces, digest = read.wanted(), hashlib.sha256()
        rest = _hashed(pieces, position["offset"] - read.start.offset, digest)
        if rest is not None and digest.hexdigest() == position["sha256"]:
            start = Stand(position["offset"], position["lines"] + 1, position["inside"])
            return start, digest, chain([rest], pieces)
    return read.start, hashlib.sha256(), read.wanted()


def _hashed(pieces: Iterator[bytes], length: int, digest: Any) -> bytes | None:
    """Hash that many bytes; return what was read beyond them. None: the content is shorter."""
    for piece in pieces:
        digest.update(piece[:length])
        if len(piece) >= length:
            return piece[length:]
        length -= len(piece)
    return None


def _position(piece: Slice, form: str, digest: Any) -> Position:
    tail = piece.body[piece.whole :]
    return {
        "offset": piece.end.offset,
        "lines": piece.end.line - 1,
        "sha256": digest.hexdigest(),
        "tail": hashlib.sha256(tail).hexdigest() if tail else "",
        "inside": piece.end.inside,
        "form": form,
    }
