"""CSV files below one root: a page is a slice of a file, cut at a record's end.

The position of a file is a ledger of its content: how many bytes of whole records were loaded, and their
hash. When the file still begins with them, reading goes on after them, and a file without anything new
gives no page; otherwise the file is read whole. So one rule covers a crash, an unchanged file, one that
was appended to and one that was replaced, compressed or not.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ingest.errors import SourceBroken, TryLater
from ingest.files.checksum import check_undamaged
from ingest.files.delimited import Dialect
from ingest.files.head import Head, check_columns, read_head
from ingest.files.opened import content, matching, opened, state
from ingest.files.slices import CONTINUES, TOO_LONG, Slice, Stand, slices
from ingest.http import Http
from ingest.page import CSV, Page, Position

MOST_DECOMPRESSED = 4 * 1024**3
WHILE_WRITTEN = 5.0


@dataclass(frozen=True)
class _Options:
    root: Path
    compression: str
    encoding: str
    dialect: Dialect
    header: Literal[True] | Sequence[str]
    skip_lines: int
    page_size: int
    columns: Sequence[str]
    most_decompressed: int

    @property
    def form(self) -> str:
        """How the bytes were read; read in another way, they are other records."""
        header = self.header if self.header is True else list(self.header)
        return repr((self.encoding, self.dialect.delimiter, self.dialect.quote, header, self.skip_lines))


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
    page_size: int = 4 * 1024**2,
    columns: Sequence[str] = (),
    most_decompressed: int = MOST_DECOMPRESSED,
) -> Iterator[Page]:
    """Yield what is new in the files that match `path` below `root`; a file's name is its part.

    `columns` must be in every header. A file that cannot be read does not keep the others from being
    read; it is named at the end by SourceBroken. TryLater: a file was written anew while it was read.
    """
    options = _Options(
        Path(root),
        compression,
        encoding,
        Dialect(delimiter, quote),
        header,
        skip_lines,
        page_size,
        columns,
        most_decompressed,
    )
    broken: list[str] = []
    busy: list[str] = []
    for name in matching(options.root, path):
        try:
            yield from _file(name, positions.get(name, {}), options)
        except SourceBroken as error:
            broken.append(str(error) if str(error).startswith(name) else f"{name}: {error}")
        except TryLater:
            busy.append(name)
    if broken:
        raise SourceBroken("\n".join(broken), kind="file")
    if busy:
        raise TryLater(f"changed while it was read: {', '.join(busy)}", seconds=WHILE_WRITTEN)


def _file(name: str, position: Position, options: _Options) -> Iterator[Page]:
    gzip = options.compression == "gzip" or (options.compression == "auto" and name.endswith(".gz"))
    with opened(options.root, name) as file:
        before = state(file)
        pages = _pages(name, position, options, _reader(file, gzip, options.most_decompressed))
        first = list(islice(pages, 1))
        if first and gzip:
            check_undamaged(file, most=options.most_decompressed)
        for page in chain(first, pages):
            _check_standing(name, file, before)
            yield page
        _check_standing(name, file, before)


def _check_standing(name: str, file: BinaryIO, before: tuple[int, int]) -> None:
    """Raise TryLater when what was read is in doubt: it may be half of the old file and half of the new.

    A file that grew is in none: the next run compares what was read.
    """
    size, changed = state(file)
    if size < before[0] or (size == before[0] and changed != before[1]):
        raise TryLater(f"{name} changed while it was read", seconds=WHILE_WRITTEN)


Reader = Callable[[], Iterator[bytes]]


def _reader(file: BinaryIO, gzip: bool, most: int) -> Reader:
    """What reads the content from its start."""
    return lambda: content(file, gzip=gzip, most=most)


def _pages(name: str, position: Position, options: _Options, read: Reader) -> Iterator[Page]:
    head = read_head(
        read(),
        options.dialect,
        encoding=options.encoding,
        header=options.header,
        skip_lines=options.skip_lines,
    )
    if head is None:
        return
    check_columns(head.header, options.columns)
    start, digest, pieces = _unread(position, options, read)
    for piece in slices(pieces, head, start, size=options.page_size):
        digest.update(piece.body[: piece.whole])
        after = _position(piece, options, digest)
        if (
            not piece.whole
            and after["tail"] == position.get("tail")
            and start.offset == position.get("offset")
        ):
            return  # the unfinished record at the end is the one that was loaded last time
        yield Page(piece.body, CSV, _request(name, piece, head), after, part=name)


def _unread(position: Position, options: _Options, read: Reader) -> tuple[Stand, Any, Iterator[bytes]]:
    """Where to begin, the hash of what is before it, and the content from there on."""
    if position.get("form") == options.form:
        pieces, digest = read(), hashlib.sha256()
        rest = _hashed(pieces, position["offset"], digest)
        if rest is not None and digest.hexdigest() == position["sha256"]:
            start = Stand(position["offset"], position["lines"] + 1, position["inside"])
            return start, digest, chain([rest], pieces)
    return Stand(), hashlib.sha256(), read()


def _hashed(pieces: Iterator[bytes], length: int, digest: Any) -> bytes | None:
    """Hash that many bytes; return what was read beyond them. None: the content is shorter."""
    for piece in pieces:
        digest.update(piece[:length])
        if len(piece) >= length:
            return piece[length:]
        length -= len(piece)
    return None


def _position(piece: Slice, options: _Options, digest: Any) -> Position:
    tail = piece.body[piece.whole :]
    return {
        "offset": piece.end.offset,
        "lines": piece.end.line - 1,
        "sha256": digest.hexdigest(),
        "tail": hashlib.sha256(tail).hexdigest() if tail else "",
        "inside": piece.end.inside,
        "form": options.form,
    }


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
