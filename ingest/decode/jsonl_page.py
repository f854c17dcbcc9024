"""Slices of JSON lines files: each line is a record. Two ways to the same frame.

Lines that are written alike are taken apart together, all others one by one.
"""

import json
from functools import partial

import polars as pl

from ingest.declared import Source
from ingest.decode.json_alike import alike
from ingest.decode.json_completed import completed
from ingest.decode.json_record import Cells, Finders, Problem, cells_of, finders
from ingest.decode.jsonl_slice import Lines
from ingest.files.delimited import LONGEST_RECORD, TOO_LONG
from ingest.json_text import TooDeep, parse
from ingest.page import Frame, Page, Record

RECORD_TOO_LONG = Problem(TOO_LONG, f"the record is longer than {LONGEST_RECORD} characters")


def jsonl_frame(page: Page, source: Source) -> Frame:
    """The records of the slice; the page's request says where it stood."""
    lines, wanted = Lines.of(page), finders(source.paths)
    frames = list(alike(_short(lines.texts), source.paths))
    good, cells, rejects = completed(
        frames, len(lines.texts), wanted, partial(_cells, lines, wanted=wanted), lines.reject
    )

    def look(row: int) -> Record:
        index = good[row]
        record = parse(lines.texts[index])
        values = {path: find(record) for path, find in wanted.items()}
        return Record(values, lines.place(index), lambda: lines.text(index))

    return Frame(cells, good, rejects, look)


def _short(texts: pl.Series) -> pl.Series:
    """The texts that are certainly not too long; null for the others."""
    short = texts.str.len_bytes() <= LONGEST_RECORD
    return texts if short.all() else texts.set(~short, None)


def _cells(lines: Lines, index: int, wanted: Finders) -> Cells | Problem:
    """One record by itself."""
    text = lines.texts[index]
    if text is None:
        return lines.bad_bytes(index)
    if len(text) > LONGEST_RECORD:
        return RECORD_TOO_LONG
    try:
        return cells_of(parse(text), wanted)
    except TooDeep as error:
        return Problem("too_deep", str(error))
    except json.JSONDecodeError as error:
        return Problem("not_json", f"is not JSON: {error.msg} at character {error.pos + 1}")
