"""Pages that are loaded in one commit, their records numbered through.

A small page costs as much as a large one in statements and in steps over columns. So what has come while
PostgreSQL was at work is loaded together, as if it were one page, and each record keeps its own place.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import accumulate

import polars as pl

from ingest.declared import Source
from ingest.decode import decode
from ingest.known import Met
from ingest.landed import Landed, Place
from ingest.normalize import normalize
from ingest.packed import Packed, pack
from ingest.page import Frame, Page, Record, Reject


@dataclass(frozen=True)
class Ready:
    """A page with all that can be known of it alone."""

    page: Page
    packed: Packed
    frame: Frame


def make_ready(page: Page, source: Source) -> Ready:
    """Decode a page, and compress it to be kept."""
    return Ready(page, pack(page.body), decode(page, source))


@dataclass(frozen=True)
class Batch:
    """Pages with their places, and what became of their records, which have the batch's own numbers."""

    pages: Sequence[Ready]
    places: Sequence[Place]
    starts: Sequence[int]
    good: pl.DataFrame
    rejects: Sequence[Reject]

    @property
    def frame(self) -> Frame:
        """The records of all pages, for a closer look."""
        return joined([ready.frame for ready in self.pages], self.starts)

    @property
    def landed(self) -> Landed:
        """Which records are of which page."""
        return Landed([place.raw_id for place in self.places], self.starts)

    def counted(self) -> Iterator[tuple[int, list[Reject]]]:
        """Of each page how many records it has, and its rejects."""
        for ready, start in zip(self.pages, self.starts, strict=True):
            end = start + ready.frame.records
            yield ready.frame.records, [each for each in self.rejects if start <= each.index < end]

    def page_by_page(self) -> Iterator["Batch"]:
        """Each page as a batch of its own."""
        for ready, place, start in zip(self.pages, self.places, self.starts, strict=True):
            number, end = pl.col("index"), start + ready.frame.records
            good = self.good.filter((number >= start) & (number < end)).with_columns(number - start)
            rejects = [
                replace(each, index=each.index - start) for each in self.rejects if start <= each.index < end
            ]
            yield Batch([ready], [place], [0], good, rejects)


def batch_of(pages: Sequence[Ready], places: Sequence[Place], source: Source, met: Met) -> Batch:
    """Normalise the records of the pages, all at once. `met` is to be told of every page once, in order."""
    starts = [0, *accumulate(ready.frame.records for ready in pages[:-1])]
    good, rejects = normalize(joined([ready.frame for ready in pages], starts), source)
    return Batch([_light(ready, source) for ready in pages], places, starts, met.meet(good), rejects)


def joined(frames: Sequence[Frame], starts: Sequence[int]) -> Frame:
    """One frame of several, in which the records of `frames[n]` are numbered from `starts[n]` on."""
    if len(frames) == 1:
        return frames[0]
    numbered = list(zip(frames, starts, strict=True))
    index = [start + number for frame, start in numbered for number in frame.index]
    rejects = [
        replace(reject, index=start + reject.index) for frame, start in numbered for reject in frame.rejects
    ]
    first_rows = [0, *accumulate(len(frame.index) for frame in frames[:-1])]

    def record(row: int) -> Record:
        page = bisect_right(first_rows, row) - 1
        return frames[page].record(row - first_rows[page])

    return Frame(pl.concat([frame.cells for frame in frames]), index, rejects, record)


def _light(ready: Ready, source: Source) -> Ready:
    """The page without its cells and texts, each as large as its bytes: few records are looked up again."""
    again = cache(partial(decode, ready.page, source))
    frame = replace(ready.frame, cells=ready.frame.cells.clear(), record=lambda row: again().record(row))
    return replace(ready, frame=frame)
