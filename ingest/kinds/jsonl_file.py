"""JSON lines files below one root: each line is a record, and a page is a slice of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.files.json_lines import JsonLines, read_layout
from ingest.files.ranges import Span
from ingest.files.slices import CONTINUES, TOO_LONG, Slice
from ingest.http import Http
from ingest.kinds.folder import MOST_DECOMPRESSED, Folder, Reader
from ingest.kinds.ledger import unread
from ingest.page import JSONL, Page, Position


def jsonl_file(
    http: Http | None,
    positions: dict[str, Position],
    *,
    root: Path,
    path: str,
    compression: str = "auto",
    page_size: int = 3 * 1024**2,
    most_decompressed: int = MOST_DECOMPRESSED,
    span: Span | None = None,
) -> Iterator[Page]:
    """Yield what is new in the files that match `path` below `root`: UTF-8, with or without its mark.

    Raises what `Folder.pages` raises.
    """
    folder = Folder(Path(root), path, compression, most_decompressed, span)
    yield from folder.pages(positions, _Lines(page_size).pages)


@dataclass(frozen=True)
class _Lines:
    """How the files are read: there is but one way."""

    page_size: int
    form: str = "jsonl"

    def pages(self, name: str, position: Position, read: Reader) -> Iterator[Page]:
        layout = read_layout(read())
        for piece, after in unread(position, read, layout, form=self.form, size=self.page_size):
            yield Page(piece.body, JSONL, _request(name, piece, layout), after, part=name)


def _request(name: str, piece: Slice, layout: JsonLines) -> dict[str, Any]:
    """What decoding the slice alone takes."""
    request = {
        "file": name,
        "offset": piece.start.offset,
        "line": piece.start.line,
        "skip": 0 if piece.start.offset else layout.skip,
    }
    return request | {mark: True for mark in (TOO_LONG, CONTINUES) if piece.form == mark}
