"""Pages of JSON: a list of records, found by the source's JMESPath. Two ways to the same frame.

Records with plain values are taken apart column by column, all others one by one.
"""

import jmespath

from ingest.declared import Source
from ingest.decode.json_completed import completed
from ingest.decode.json_record import Problem, cells_of, finders, own_text, plain
from ingest.page import Frame, Page, Record, Reject


def json_frame(page: Page, source: Source) -> Frame:
    """The records that the source's JMESPath finds in the page."""
    records = page.document if source.records is None else jmespath.search(source.records, page.document)
    if not isinstance(records, list):
        raise ValueError(f"there is no list of records at {source.records or 'the root'}")
    wanted = finders(source.paths)

    def reject(index: int, problem: Problem) -> Reject:
        return Reject(index, place(page, index), *problem, own_text(records[index]))

    good, cells, rejects = completed(
        plain(records, wanted), len(records), wanted, lambda index: cells_of(records[index], wanted), reject
    )

    def look(row: int) -> Record:
        record = records[good[row]]
        values = {path: find(record) for path, find in wanted.items()}
        return Record(values, place(page, good[row]), lambda: own_text(record))

    return Frame(cells, good, rejects, look)


def place(page: Page, index: int) -> str:
    """Where a record stands, counted from 1 as people do."""
    return f"page {page.request.get('page', 1)}, record {index + 1}"
