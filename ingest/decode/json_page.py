"""Pages of JSON: a list of records, found by the source's JMESPath."""

import jmespath

from ingest.declared import Source
from ingest.decode.json_record import Cells, Problem, cells_of, finders, own_text, table
from ingest.page import Frame, Page, Record, Reject


def json_frame(page: Page, source: Source) -> Frame:
    """The records that the source's JMESPath finds in the page."""
    records = page.document if source.records is None else jmespath.search(source.records, page.document)
    if not isinstance(records, list):
        raise ValueError(f"there is no list of records at {source.records or 'the root'}")
    wanted = finders(source.paths)
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

    def look(row: int) -> Record:
        record = records[good[row]]
        values = {path: find(record) for path, find in wanted.items()}
        return Record(values, place(page, good[row]), lambda: own_text(record))

    return Frame(table(rows, wanted), good, rejects, look)


def place(page: Page, index: int) -> str:
    """Where a record stands, counted from 1 as people do."""
    return f"page {page.request.get('page', 1)}, record {index + 1}"
