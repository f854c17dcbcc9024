"""Ranges of bytes of one file, cut where a record ends, so that several may read it at once.

A range says where it begins and ends, and what stands before both places: a file that was written anew since
is not cut at its records any more.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ingest.errors import SourceBroken
from ingest.files.opened import PIECE, content, opened
from ingest.files.slices import Layout, Stand, slices

# Plain values, for it is kept with the plan of a run.
Span = Mapping[str, Any]

# What is looked at in one step, and how much before a cut has to be as it was.
STEP = 4 * 1024**2
SEAL = 4096


def ranges(
    root: Path, name: str, layout_of: Callable[[Iterator[bytes]], Layout | None], *, size: int, gzip: bool
) -> list[Span]:
    """The ranges of a file, each of about `size` bytes; a compressed or empty file is one."""
    with opened(root, name) as file:
        if gzip:
            return [_range(Stand(), "", None, "")]
        layout = layout_of(content(file, gzip=False, most=0))
        cuts = [] if layout is None else list(_cuts(file, layout, size))
        places = [(Stand(), ""), *cuts]
        ends: list[tuple[Stand | None, str]] = [*cuts, (None, "")]
        return [
            _range(start, before, end, after)
            for (start, before), (end, after) in zip(places, ends, strict=True)
        ]


def _cuts(file: BinaryIO, layout: Layout, size: int) -> Iterator[tuple[Stand, str]]:
    """The first record's end at or after each multiple of the size; where the file ends, nothing is cut."""
    target, last = size, None
    for piece in slices(content(file, gzip=False, most=0), layout, Stand(), size=min(STEP, size)):
        if last is not None:
            yield last.end, _seal_of(file, last.end.offset)
            last = None
        if piece.end.offset >= target and not piece.end.inside:
            last, target = piece, (piece.end.offset // size + 1) * size


def _range(start: Stand, before: str, end: Stand | None, after: str) -> Span:
    place = {"offset": start.offset, "line": start.line, "seal": before}
    return place | ({} if end is None else {"end": end.offset, "end_seal": after})


def _seal_of(file: BinaryIO, offset: int) -> str:
    """The hash of what stands before a place. The file is read on where it was."""
    stood = file.tell()
    try:
        begin = max(0, offset - SEAL)
        file.seek(begin)
        return hashlib.sha256(file.read(offset - begin)).hexdigest()
    finally:
        file.seek(stood)


def check_seals(name: str, file: BinaryIO, span: Span) -> None:
    """Raise SourceBroken when the file is not what it was when it was cut."""
    places = [(span["offset"], span["seal"]), (span.get("end", 0), span.get("end_seal", ""))]
    if any(seal and _seal_of(file, offset) != seal for offset, seal in places):
        raise SourceBroken(
            f"{name} was written anew since the run began; the next run reads it as it is then", kind="file"
        )


def between(file: BinaryIO, span: Span) -> Iterator[bytes]:
    """The bytes of the range."""
    file.seek(span["offset"])
    left = span["end"] - span["offset"] if "end" in span else None
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            return
        left = None if left is None else left - len(piece)
        yield piece
