"""The shapes that all stages share: Page, Position, Frame, Record, Reject.

A kind yields pages; `decode` makes a frame of a page; `normalize` parts it into good rows and rejects.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import polars as pl

from ingest.json_text import most_values, parse

JSON = "application/json"
JSONL = "application/x-ndjson"
CSV = "text/csv"

# A page of fifty thousand records weighs as much as one of four megabytes.
BYTES_A_RECORD = 80

# Where a part of a source stands. Plain JSON values; only the kind that made it knows what is inside.
Position = dict[str, Any]

# A cell that cannot travel as text (a list, an object, text that UTF-8 refuses) holds this. PostgreSQL
# refuses NUL in text, so no fast check accepts it, and the row is judged from its record instead.
NOT_TEXT = "\x00"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Page:
    """The bytes of one reply, or one slice of a file, and where the source stands after it.

    `request` says how to ask for these bytes again, without secrets, and holds what is needed to decode
    them alone (a slice's header and encoding, for example). `position` None means: do not move the
    checkpoint. `media_type` chooses the decoder. `records` is how many it holds, where its kind knows.
    """

    body: bytes
    media_type: str
    request: Mapping[str, Any]
    position: Position | None
    part: str = ""
    fetched_at: datetime = field(default_factory=_now)
    records: int | None = None

    @cached_property
    def weight(self) -> int:
        """Its bytes, or more where its records are short: each takes memory of its own, most as a reject."""
        return max(len(self.body), BYTES_A_RECORD * (self._most() if self.records is None else self.records))

    def _most(self) -> int:
        """No fewer than it has records."""
        if self.media_type == JSON:
            return most_values(self.body)
        return 1 + self.body.count(b"\n") + self.body.count(b"\r")

    @cached_property
    def document(self) -> Any:
        """The body parsed as JSON, once; numbers keep their literal text. Raises ValueError."""
        return parse(self.body)

    def standing_at(self, position: Position | None) -> "Page":
        """The same page with the position where the source stands after it; what was parsed stays so."""
        return self._with(position=position)

    def of_part(self, name: str) -> "Page":
        """The same page as one of that part; what was parsed stays so."""
        return self._with(part=name)

    def holding(self, records: int) -> "Page":
        """The same page, of which it is known that it has so many records."""
        return self._with(records=records)

    def unparsed(self) -> "Page":
        """The same page without what was parsed."""
        return replace(self)

    def _with(self, **changed: Any) -> "Page":
        page = replace(self, **changed)
        page.__dict__.update(self.__dict__ | changed)
        return page


@dataclass(frozen=True)
class Record:
    """One record as it came: its values by path, where it stood, and its own text.

    `write` makes the text only when somebody asks: most records that are looked up are good after all,
    and to write one out costs more than to judge it.
    """

    values: Mapping[str, Any]
    position: str
    write: Callable[[], str] = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The record's own text, for people; cut when long."""
        return self.write()


@dataclass(frozen=True)
class Reject:
    """A record that was set aside. `index` is its number in the page, from 0; `reason` is a code."""

    index: int
    position: str
    reason: str
    message: str
    record: str
    key: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Frame:
    """The records of one page as columns of text.

    `cells` has one String column for each path that the source's key and mapping name; null means
    absent, null or (in JSON) nothing there. `index[row]` is the record's number in the page, from 0 (Int64).
    `record(row)` looks one record up, for a closer look or for a reject. `rejects` are the records
    that could not be taken apart at all.
    """

    cells: pl.DataFrame
    index: pl.Series
    rejects: list[Reject]
    record: Callable[[int], Record]

    def numbered(self, index: int) -> Record:
        """The record by its number in the page, one of `index`."""
        return self.record(bisect_left(self.index, index))

    @property
    def records(self) -> int:
        """How many records the page held, good and bad."""
        return len(self.index) + len(self.rejects)
