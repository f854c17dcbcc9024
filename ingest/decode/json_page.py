"""Pages of JSON: a list of records, found by the source's JMESPath. Two ways to the same frame.

Records with plain values are taken apart column by column; a page with any other is read one by one.
"""

from collections.abc import Sequence
from typing import Any

import jmespath
import polars as pl

from ingest.declared import Source
from ingest.decode.json_record import (
    Cells,
    Finders,
    Problem,
    cells_of,
    finders,
    own_text,
    table,
    table_of,
)
from ingest.page import Frame, Page, Record, Reject


def json_frame(page: Page, source: Source) -> Frame:
    """The records that the source's JMESPath finds in the page."""
    records = page.document if source.records is None else jmespath.search(source.records, page.document)
    if not isinstance(records, list):
        raise ValueError(f"there is no list of records at {source.records or 'the root'}")
    wanted = finders(source.paths)
    good, rejects = list(range(len(records))), list[Reject]()
    if (cells := table_of(records, wanted)) is None:
        good, cells, rejects = _one_by_one(page, records, wanted)

    def look(row: int) -> Record:
        record = records[good[row]]
        values = {path: find(record) for path, find in wanted.items()}
        return Record(values, place(page, good[row]), lambda: own_text(record))

    return Frame(cells, good, rejects, look)


def _one_by_one(
    page: Page, records: Sequence[Any], wanted: Finders
) -> tuple[list[int], pl.DataFrame, list[Reject]]:
    """The numbers and cells of the good records, and the rejects."""
    good: list[int] = []
    rows: list[Cells] = []
    rejects: list[Reject] = []
    for index, record in enumerate(records):
        row = cells_of(record, wanted)
        if isinstance(row, Problem):
            rejects.append(Reject(index, place(page, index), *row, own_text(record)))
        else:
            good.append(index)
            rows.append(row)
    return good, table(rows, wanted), rejects


def place(page: Page, index: int) -> str:
    """Where a record stands, counted from 1 as people do."""
    return f"page {page.request.get('page', 1)}, record {index + 1}"
