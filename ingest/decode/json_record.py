"""One record of JSON: each value by its path, numbers by their literal text, and what is wrong with it."""

from collections.abc import Callable, Iterable, Sequence
from operator import methodcaller
from typing import Any, NamedTuple

import jmespath
import polars as pl
from jmespath.exceptions import JMESPathError

from ingest import json_text
from ingest.json_parted import PLAIN_PATH
from ingest.page import NOT_TEXT

LONGEST_TEXT = 65_536
TOO_DEEP_TO_SHOW = "(nested too deeply to be shown)"
# Beside the cells of records stands the number of each; a space keeps it apart from any path.
INDEX = " index"
# Deeper values than this are nobody's data, and writing them out would exhaust Python's stack.
DEEPEST = 100
PLAIN_TYPES = {str, json_text.Number, type(None)}
# jmespath lets Python's own error through where it sorts or compares what cannot be compared.
MISFITS = (JMESPathError, TypeError)

Find = Callable[[Any], Any]
Finders = dict[str, Find]
Cells = list[str | None]


class Problem(NamedTuple):
    """Why a record must be set aside: a code and words."""

    reason: str
    message: str


def finders(paths: Iterable[str]) -> Finders:
    """What finds the value of each path in a record."""
    return {path: finder(path) for path in paths}


def cells_of(record: Any, wanted: Finders) -> Cells | Problem:
    """The record as a row of cells."""
    if not isinstance(record, dict):
        return Problem("not_an_object", f"the record is a {type(record).__name__}, not an object")
    row = []
    for path, find in wanted.items():
        try:
            value = find(record)
        except json_text.RepeatedName as error:
            return Problem("repeated_name", str(error))
        except MISFITS as error:
            return Problem("bad_path", f"{path} does not fit the record: {type(error).__name__}")
        if isinstance(value, dict | list) and (problem := _misshapen(value, path)):
            return problem
        row.append(_cell(value))
    return row


def _misshapen(value: Any, path: str) -> Problem | None:
    """What is wrong with a list or an object that is taken as a whole."""
    level = [value]
    for _ in range(DEEPEST):
        if any(isinstance(each, json_text.Ambiguous) for each in level):
            return Problem("repeated_name", f"the value at {path} has a name twice, with different values")
        inner = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
        level = [child for child in inner if isinstance(child, dict | list)]
        if not level:
            return None
    return Problem("too_deep", f"the value at {path} is nested deeper than {DEEPEST}")


def finder(path: str) -> Find:
    """A function that finds what stands at the JMESPath; plain dotted names are looked up directly."""
    if not PLAIN_PATH.fullmatch(path):
        found: Find = jmespath.compile(path).search
        return found
    names = path.split(".")
    if len(names) == 1:
        return methodcaller("get", path)

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


def table(rows: Sequence[Cells], wanted: Finders) -> pl.DataFrame:
    """The rows as the columns of a frame."""
    schema = dict.fromkeys(wanted, pl.String)
    try:
        return pl.DataFrame(rows, schema=schema, orient="row")
    except UnicodeEncodeError:
        return pl.DataFrame([list(map(storable, row)) for row in rows], schema=schema, orient="row")


def storable(cell: str | None) -> str | None:
    """Half a surrogate pair is no text."""
    return NOT_TEXT if cell is not None and any("\ud800" <= letter <= "\udfff" for letter in cell) else cell


def own_text(record: Any) -> str:
    """The record as text, for people; cut when long."""
    try:
        return json_text.dump(record)[:LONGEST_TEXT]
    except RecursionError:
        return TOO_DEEP_TO_SHOW
