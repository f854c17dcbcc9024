"""Where pages and their records stand among all that are kept."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

# The number of a record in its batch becomes these two columns: its page, and its number in that page.
PAGE_AND_NUMBER = ["raw_id", "raw_index"]


class Place(NamedTuple):
    """Where a page stands: `raw_id` among all that are kept, `sequence` among those of its run or part."""

    raw_id: int
    sequence: int


@dataclass(frozen=True)
class Landed:
    """The raw pages of a batch. The records of `raw_ids[n]` are numbered from `starts[n]` on; both grow."""

    raw_ids: Sequence[int]
    starts: Sequence[int] = (0,)

    @property
    def first(self) -> int:
        """The page before which all other pages of the source are earlier ones."""
        return self.raw_ids[0]

    def place(self, index: int) -> tuple[int, int]:
        """The page of a record and its number in that page, by its number in the batch."""
        page = bisect_right(self.starts, index) - 1
        return self.raw_ids[page], index - self.starts[page]

    def places(self, index: pl.Series) -> pl.DataFrame:
        """As `place`, in columns of `PAGE_AND_NUMBER`."""
        numbers = index.to_numpy()
        pages = np.searchsorted(self.starts, numbers, side="right") - 1
        found = np.array(self.raw_ids, np.int64)[pages], numbers - np.array(self.starts, np.int64)[pages]
        return pl.DataFrame(dict(zip(PAGE_AND_NUMBER, found, strict=True)))
