"""Pages that are loaded in one commit, their records numbered through.

A small page costs as much as a large one in statements and in steps over columns. So what has come while
PostgreSQL was at work is decoded, normalised and loaded together, as if it were one page, and each record
keeps its own place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise

import polars as pl

from ingest.declared import Source
from ingest.decode import decode, decode_together, joined
from ingest.known import Met
from ingest.landed import Landed, Place
from ingest.normalize import normalize
from ingest.packed import Packed, pack
from ingest.page import Frame, Page, Reject

# A page of fewer bytes is decoded with those that are loaded with it.
SMALL = 256 * 1024


@dataclass(frozen=True)
class Ready:
    """A page with what can be done with it ahead. A small one has no frame yet."""

    page: Page
    packed: Packed
    frame: Frame | None


def make_ready(page: Page, source: Source) -> Ready:
    """Compress a page, to be kept, and decode it where that alone is worth its while."""
    return Ready(page, pack(page.body), None if len(page.body) < SMALL else decode(page, source))


@dataclass(frozen=True)
class Batch:
    """Pages with their places, and what became of their records, which have the batch's own numbers.

    `starts` are the numbers of each page's first record; `frame` has the records of all, for a closer look.
    """

    pages: Sequence[Ready]
    places: Sequence[Place]
    starts: Sequence[int]
    frame: Frame
    good: pl.DataFrame
    rejects: Sequence[Reject]

    @property
    def landed(self) -> Landed:
        """Which records are of which page."""
        return Landed([place.raw_id for place in self.places], self.starts)

    @property
    def records(self) -> list[int]:
        """How many records each page has."""
        return [end - start for start, end in pairwise([*self.starts, self.frame.records])]

    def counted(self) -> Iterator[tuple[int, list[Reject]]]:
        """Of each page how many records it has, and its rejects."""
        for start, records in zip(self.starts, self.records, strict=True):
            yield records, [each for each in self.rejects if start <= each.index < start + records]

    def page_by_page(self, source: Source) -> Iterator["Batch"]:
        """Each page as a batch of its own."""
        each = zip(self.pages, self.places, self.starts, self.counted(), strict=True)
        for ready, place, start, (records, rejects) in each:
            number = pl.col("index")
            good = self.good.filter((number >= start) & (number < start + records))
            own = [replace(reject, index=reject.index - start) for reject in rejects]
            frame = decode(ready.page, source)
            yield Batch([ready], [place], [0], frame, good.with_columns(number - start), own)


def batch_of(pages: Sequence[Ready], places: Sequence[Place], source: Source, met: Met) -> Batch:
    """Normalise the records of the pages, all at once. `met` is to be told of every page once, in order."""
    frame, starts = _decoded(pages, source)
    good, rejects = normalize(frame, source)
    light = [replace(ready, frame=None) for ready in pages]
    return Batch(light, places, starts, _light(frame, light, source), met.meet(good), rejects)


def _decoded(pages: Sequence[Ready], source: Source) -> tuple[Frame, list[int]]:
    if all(ready.frame is None for ready in pages):
        return decode_together([ready.page for ready in pages], source)
    return joined([ready.frame or decode(ready.page, source) for ready in pages])


def _light(frame: Frame, pages: Sequence[Ready], source: Source) -> Frame:
    """The frame without its cells and texts, as large as all bytes: few records are looked up again."""
    again = cache(partial(_decoded, pages, source))
    return replace(frame, cells=frame.cells.clear(), record=lambda row: again()[0].record(row))
