"""The first records of a source, through the engine's own fetching, decoding and normalising."""

import re
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from threading import Event
from typing import Any

import orjson
import polars as pl

from ingest.declared import Source
from ingest.decode import decode
from ingest.http import Http
from ingest.http.quota import Quota
from ingest.normalize import normalize
from ingest.page import Reject
from ingest.settings import allow_private

# Somebody sits in front of it: enough for a source whose first pages are empty or bad, and no more.
MOST_PAGES = 5
LONGEST_WAIT_SECONDS = 20
BARE_IN_JSON = {"integer", "decimal", "float", "boolean", "json"}
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}


@dataclass
class Sample:
    """What the first pages gave: up to `wanted` good rows as text by field, and all rejects."""

    source: Source
    wanted: int
    pages: int = 0
    good: int = 0
    rows: list[dict[str, str | None]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def fields(self) -> list[str]:
        """The names of the dataset's fields."""
        return [field.name for field in self.source.dataset.fields]

    def add(self, good: pl.DataFrame, rejects: list[Reject]) -> None:
        """Take in one page."""
        self.pages += 1
        self.good += len(good)
        for row in good.head(self.wanted - len(self.rows)).iter_rows(named=True):
            _, *values = map(copied, row["line"].split("\t"))
            self.rows.append({"key": row["key"], **dict(zip(self.fields, values, strict=True))})
        self.rejects += rejects

    def document(self) -> dict[str, Any]:
        """The sample as one JSON object, values in the types of their fields."""
        return {
            "source": self.source.name,
            "dataset": self.source.dataset.name,
            "pages": self.pages,
            "good": self.good,
            "rejected": len(self.rejects),
            "rows": [self._typed(row) for row in self.rows],
            "rejects": [asdict(reject) for reject in self.rejects[: self.wanted]],
        }

    def _typed(self, row: dict[str, str | None]) -> dict[str, Any]:
        bare = {field.name for field in self.source.dataset.fields if field.type in BARE_IN_JSON}
        return {
            name: orjson.Fragment(text) if name in bare and text is not None else text
            for name, text in row.items()
        }


def copied(cell: str) -> str | None:
    """The text of one cell of COPY's text format; None for its null."""
    if cell == "\\N":
        return None
    return ESCAPED.sub(lambda found: ESCAPES.get(found[1], found[1]), cell)


def sample(source: Source, wanted: int) -> Sample:
    """Fetch until there are enough good rows, and never more than a few pages."""
    found = Sample(source, wanted)
    http = Http(
        Quota("memory://"),
        longest_wait=LONGEST_WAIT_SECONDS,
        stop=Event(),
        allow_private=allow_private(),
    )
    with http, closing(source.pull(http, {})) as pages:
        for page in islice(pages, MOST_PAGES):
            found.add(*normalize(decode(page, source), source))
            if len(found.rows) >= wanted:
                break
    return found
