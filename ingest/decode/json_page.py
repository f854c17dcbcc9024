"""Pages of JSON: each value by its path, numbers by their literal text."""

import re
from collections.abc import Callable
from typing import Any

import jmespath
import polars as pl
from jmespath.exceptions import JMESPathError

from ingest import json_text
from ingest.declared import Source
from ingest.page import NOT_TEXT, Frame, Page, Record, Reject

LONGEST_TEXT = 65_536
# Deeper values than this are nobody's data, and writing them out would exhaust Python's stack.
DEEPEST = 100
PLAIN_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
PLAIN_TYPES = (str, json_text.Number, type(None))
# jmespath lets Python's own error through where it sorts or compares what cannot be compared.
MISFITS = (JMESPathError, TypeError)

Find = Callable[[Any], Any]


def json_frame(page: Page, source: Source) -> Frame:
    """The records that the source's JMESPath finds in the page."""
    records = page.document if source.records is None else jmespath.search(source.records, page.document)
    if not isinstance(records, list):
        raise ValueError(f"there is no list of records at {source.records or 'the root'}")
    finders = {path: finder(path) for path in source.paths}
    good, rejects = [], []
    for index, record in enumerate(records):
        if (problem := _problem(record, finders)) is None:
            good.append(index)
        else:
            rejects.append(Reject(index, place(page, index), *problem, own_text(record)))
    columns = {path: [_cell(find(records[index])) for index in good] for path, find in finders.items()}

    def look(row: int) -> Record:
        record = records[good[row]]
        values = {path: find(record) for path, find in finders.items()}
        return Record(values, place(page, good[row]), lambda: own_text(record))

    return Frame(_columns(columns), good, rejects, look)


def place(page: Page, index: int) -> str:
    """Where a record stands, counted from 1 as people do."""
    return f"page {page.request.get('page', 1)}, record {index + 1}"


def _problem(record: Any, finders: dict[str, Find]) -> tuple[str, str] | None:
    if not isinstance(record, dict):
        return "not_an_object", f"the record is a {type(record).__name__}, not an object"
    for path, find in finders.items():
        try:
            value = find(record)
        except json_text.RepeatedName as error:
            return "repeated_name", str(error)
        except MISFITS as error:
            return "bad_path", f"{path} does not fit the record: {type(error).__name__}"
        if isinstance(value, dict | list) and (problem := _misshapen(value, path)):
            return problem
    return None


def _misshapen(value: Any, path: str) -> tuple[str, str] | None:
    """What is wrong with a list or an object that is taken as a whole."""
    level = [value]
    for _ in range(DEEPEST):
        if any(isinstance(each, json_text.Ambiguous) for each in level):
            return "repeated_name", f"the value at {path} has a name twice, with different values"
        inner = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
        level = [child for child in inner if isinstance(child, dict | list)]
        if not level:
            return None
    return "too_deep", f"the value at {path} is nested deeper than {DEEPEST}"


def finder(path: str) -> Find:
    """A function that finds what stands at the JMESPath; plain dotted names are looked up directly."""
    if not PLAIN_PATH.fullmatch(path):
        found: Find = jmespath.compile(path).search
        return found
    names = path.split(".")
    if len(names) == 1:
        return lambda record: record.get(path)

    def descend(record: Any) -> Any:
        for name in names:
            if not isinstance(record, dict):
                return None
            record = record.get(name)
        return record

    return descend


def _cell(value: Any) -> str | None:
    if type(value) in PLAIN_TYPES:
        return value  # type: ignore[no-any-return]  # a text or null
    if isinstance(value, bool):
        return "true" if value else "false"
    # Expressions may compute numbers (length(tags)), and those are Python's.
    return NOT_TEXT if isinstance(value, dict | list) else str(value)


def _columns(columns: dict[str, list[str | None]]) -> pl.DataFrame:
    schema = dict.fromkeys(columns, pl.String)
    try:
        return pl.DataFrame(columns, schema=schema)
    except UnicodeEncodeError:
        storable = {path: [_storable(cell) for cell in cells] for path, cells in columns.items()}
        return pl.DataFrame(storable, schema=schema)


def _storable(cell: str | None) -> str | None:
    """Half a surrogate pair is no text."""
    return NOT_TEXT if cell is not None and any("\ud800" <= letter <= "\udfff" for letter in cell) else cell


def own_text(record: Any) -> str:
    """The record as text, for people; cut when long."""
    try:
        return json_text.dump(record)[:LONGEST_TEXT]
    except RecursionError:
        return "(nested too deeply to be shown)"
