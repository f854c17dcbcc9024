"""Files below one root, read one after the other: what the kinds that read files share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from ingest.errors import SourceBroken, TryLater
from ingest.files.checksum import check_undamaged
from ingest.files.opened import content, is_gzip, matching, opened, state
from ingest.files.ranges import Span, between, check_seals
from ingest.files.slices import Stand
from ingest.page import Page, Position

MOST_DECOMPRESSED = 4 * 1024**3
WHILE_WRITTEN = 5.0


@dataclass(frozen=True)
class Reader:
    """Reads a file, as often as it is asked: all of it when it is called, or the bytes that are wanted."""

    whole: Callable[[], Iterator[bytes]]
    file: BinaryIO
    span: Span | None

    def __call__(self) -> Iterator[bytes]:
        return self.whole()

    def wanted(self) -> Iterator[bytes]:
        """The bytes of the span; without one all of them."""
        return self.whole() if self.span is None else between(self.file, self.span)

    @property
    def start(self) -> Stand:
        """Where the wanted bytes begin."""
        return Stand() if self.span is None else Stand(self.span["offset"], self.span["line"])


# The pages of one file: its name, where it stands, its content.
Pages = Callable[[str, Position, Reader], Iterator[Page]]


@dataclass(frozen=True)
class Folder:
    """The files that match `path` below `root`; a file's name is its part.

    Of a `span` (`ingest.files.ranges`) no other bytes are read; a compressed file has none.
    """

    root: Path
    path: str
    compression: str
    most_decompressed: int
    span: Span | None = None

    def pages(self, positions: Mapping[str, Position], read: Pages) -> Iterator[Page]:
        """Yield what is new in each file.

        A file that cannot be read does not keep the others from being read; it is named at the end by
        SourceBroken. TryLater: a file was written anew while it was read.
        """
        broken: list[str] = []
        busy: list[str] = []
        for name in matching(self.root, self.path):
            try:
                yield from self._file(name, positions.get(name, {}), read)
            except SourceBroken as error:
                broken.append(str(error) if str(error).startswith(name) else f"{name}: {error}")
            except TryLater:
                busy.append(name)
        if broken:
            raise SourceBroken("\n".join(broken), kind="file")
        if busy:
            raise TryLater(f"changed while it was read: {', '.join(busy)}", seconds=WHILE_WRITTEN)

    def _file(self, name: str, position: Position, read: Pages) -> Iterator[Page]:
        gzip = is_gzip(name, self.compression)
        with opened(self.root, name) as file:
            before = state(file)
            pages = read(name, position, self._reader(name, file, gzip))
            first = list(islice(pages, 1))
            if first and gzip:
                check_undamaged(file, most=self.most_decompressed)
            for page in chain(first, pages):
                _check_standing(name, file, before)
                yield page
            _check_standing(name, file, before)

    def _reader(self, name: str, file: BinaryIO, gzip: bool) -> Reader:
        if self.span is not None and not gzip:
            check_seals(name, file, self.span)
        whole = partial(content, file, gzip=gzip, most=self.most_decompressed)
        return Reader(whole, file, None if gzip else self.span)


def _check_standing(name: str, file: BinaryIO, before: tuple[int, int]) -> None:
    """Raise TryLater when what was read is in doubt: it may be half of the old file and half of the new.

    A file that grew is in none: the next run compares what was read.
    """
    size, changed = state(file)
    if size < before[0] or (size == before[0] and changed != before[1]):
        raise TryLater(f"{name} changed while it was read", seconds=WHILE_WRITTEN)
