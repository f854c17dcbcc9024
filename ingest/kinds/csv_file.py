"""CSV files below one root: a page is a slice of a file, cut at a record's end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ingest.files.delimited import Dialect
from ingest.files.head import Head, check_columns, read_head
from ingest.files.ranges import Span
from ingest.files.slices import CONTINUES, TOO_LONG, Slice
from ingest.http import Http
from ingest.kinds.folder import MOST_DECOMPRESSED, Folder, Reader
from ingest.kinds.ledger import unread
from ingest.page import CSV, Page, Position


def csv_file(
    http: Http | None,
    positions: dict[str, Position],
    *,
    root: Path,
    path: str,
    compression: str = "auto",
    encoding: str = "utf-8",
    delimiter: str = ",",
    quote: str = '"',
    header: Literal[True] | Sequence[str] = True,
    skip_lines: int = 0,
    page_size: int = 3 * 1024**2,
    columns: Sequence[str] = (),
    most_decompressed: int = MOST_DECOMPRESSED,
    span: Span | None = None,
) -> Iterator[Page]:
    """Yield what is new in the files that match `path` below `root`. `columns` must be in every header.

    Raises what `Folder.pages` raises.
    """
    table = _Table(encoding, Dialect(delimiter, quote), header, skip_lines, page_size, columns)
    folder = Folder(Path(root), path, compression, most_decompressed, span)
    yield from folder.pages(positions, table.pages)


@dataclass(frozen=True)
class _Table:
    """How the files are read."""

    encoding: str
    dialect: Dialect
    header: Literal[True] | Sequence[str]
    skip_lines: int
    page_size: int
    columns: Sequence[str]

    @property
    def form(self) -> str:
        header = self.header if self.header is True else list(self.header)
        return repr((self.encoding, self.dialect.delimiter, self.dialect.quote, header, self.skip_lines))

    def pages(self, name: str, position: Position, read: Reader) -> Iterator[Page]:
        head = read_head(
            read(),
            self.dialect,
            encoding=self.encoding,
            header=self.header,
            skip_lines=self.skip_lines,
        )
        if head is None:
            return
        check_columns(head.header, self.columns)
        for piece, after in unread(position, read, head, form=self.form, size=self.page_size):
            yield Page(piece.body, CSV, _request(name, piece, head), after, part=name)


def layout(pieces: Iterable[bytes], options: Mapping[str, Any]) -> Head | None:
    """Where the records of a file begin and end; None when it holds nothing."""
    dialect = Dialect(options["delimiter"], options["quote"])
    how = {name: options[name] for name in ("encoding", "header", "skip_lines")}
    return read_head(pieces, dialect, **how)


def _request(name: str, piece: Slice, head: Head) -> dict[str, Any]:
    """What decoding the slice alone takes."""
    request = {
        "file": name,
        "offset": piece.start.offset,
        "line": piece.start.line,
        "header": head.header,
        "skip": 0 if piece.start.offset else head.skip,
        "encoding": head.encoding,
        "delimiter": head.dialect.delimiter,
        "quote": head.dialect.quote,
    }
    return request | {mark: True for mark in (TOO_LONG, CONTINUES) if piece.form == mark}
