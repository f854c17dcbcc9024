"""Pages of JSON: a list of records, found by the source's JMESPath. Two ways to the same frame.

Where the list can be parted without being parsed, records that are written alike are taken apart together, by
their texts, those of several pages too. All others are taken apart one by one.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import jmespath
import polars as pl

from ingest.declared import Source
from ingest.decode.json_alike import alike
from ingest.decode.json_completed import completed
from ingest.decode.json_record import (
    TOO_DEEP_TO_SHOW,
    Cells,
    Problem,
    cells_of,
    finders,
    own_text,
)
from ingest.errors import SourceBroken
from ingest.json_parted import parted
from ingest.json_text import TooDeep, parse
from ingest.page import Frame, Page, Record, Reject


def json_frame(page: Page, source: Source) -> Frame:
    """The records that the source's JMESPath finds in the page."""
    found = json_frames([page], source)
    return _of_values(page, source) if found is None else found[0]


def json_frames(pages: Sequence[Page], source: Source) -> tuple[Frame, list[int]] | None:
    """The records of all pages, numbered through, and the number of each page's first one.

    None where one of the pages has to be parsed to find them.
    """
    texts, starts = list[str](), list[int]()
    for page in pages:
        records = parted(page.body, source.records)
        if records is None:
            return None
        starts.append(len(texts))
        texts += [str(record, "utf-8") for record in records]
    return _of_texts(texts, source, lambda index: _place_of(pages, starts, index)), starts


def _place_of(pages: Sequence[Page], starts: Sequence[int], index: int) -> str:
    number = bisect_right(starts, index) - 1
    return place(pages[number], index - starts[number])


def _of_texts(texts: Sequence[str], source: Source, place_of: Callable[[int], str]) -> Frame:
    frames = list(alike(pl.Series(texts, dtype=pl.String), source.paths))
    return _frame(frames, len(texts), source, lambda index: parse(texts[index]), place_of)


def _of_values(page: Page, source: Source) -> Frame:
    path = source.records
    try:
        records = page.document if path is None else jmespath.search(path, page.document)
    except TooDeep as error:
        # How deep is too deep depends on who asks: it was not for whoever fetched the page.
        raise SourceBroken(f"{page.request.get('url', 'the reply')}: {error}", kind="reply") from error
    if not isinstance(records, list):
        raise ValueError(f"there is no list of records at {path or 'the root'}")
    return _frame([], len(records), source, records.__getitem__, lambda index: place(page, index))


def _frame(
    frames: Sequence[pl.DataFrame],
    many: int,
    source: Source,
    value: Callable[[int], Any],
    place_of: Callable[[int], str],
) -> Frame:
    """The frames completed by all other records; `value` is a record, parsed."""
    wanted = finders(source.paths)

    def cells_at(index: int) -> Cells | Problem:
        try:
            return cells_of(value(index), wanted)
        except TooDeep as error:
            return Problem("too_deep", str(error))

    def reject(index: int, problem: Problem) -> Reject:
        return Reject(index, place_of(index), *problem, shown(index))

    def shown(index: int) -> str:
        try:
            return own_text(value(index))
        except TooDeep:
            return TOO_DEEP_TO_SHOW

    good, cells, rejects = completed(frames, many, wanted, cells_at, reject)

    def look(row: int) -> Record:
        index = good[row]
        record = value(index)
        values = {path: find(record) for path, find in wanted.items()}
        return Record(values, place_of(index), lambda: own_text(record))

    return Frame(cells, good, rejects, look)


def place(page: Page, index: int) -> str:
    """Where a record stands, counted from 1 as people do."""
    return f"page {page.request.get('page', 1)}, record {index + 1}"
