"""Slices of JSON lines files: each line is a record, taken apart by itself."""

import json

from ingest.declared import Source
from ingest.decode.json_record import Cells, Finders, Problem, cells_of, finders, table
from ingest.decode.jsonl_slice import Lines
from ingest.files.delimited import LONGEST_RECORD, TOO_LONG
from ingest.json_text import TooDeep, parse
from ingest.page import Frame, Page, Record, Reject

RECORD_TOO_LONG = Problem(TOO_LONG, f"the record is longer than {LONGEST_RECORD} characters")


def jsonl_frame(page: Page, source: Source) -> Frame:
    """The records of the slice; the page's request says where it stood."""
    lines = Lines.of(page)
    wanted = finders(source.paths)
    good: list[int] = []
    rows: list[Cells] = []
    rejects: list[Reject] = []
    for index in range(len(lines.texts)):
        row = _cells(lines, index, wanted)
        if isinstance(row, Problem):
            rejects.append(lines.reject(index, row))
        else:
            good.append(index)
            rows.append(row)

    def look(row: int) -> Record:
        index = good[row]
        record = parse(lines.texts[index])
        values = {path: find(record) for path, find in wanted.items()}
        return Record(values, lines.place(index), lambda: lines.text(index))

    return Frame(table(rows, wanted), good, rejects, look)


def _cells(lines: Lines, index: int, wanted: Finders) -> Cells | Problem:
    text = lines.texts[index]
    if len(text) > LONGEST_RECORD:
        return RECORD_TOO_LONG
    if bad := lines.bad_bytes(index):
        return bad
    try:
        return cells_of(parse(text), wanted)
    except TooDeep as error:
        return Problem("too_deep", str(error))
    except json.JSONDecodeError as error:
        return Problem("not_json", f"is not JSON: {error.msg} at character {error.pos + 1}")
