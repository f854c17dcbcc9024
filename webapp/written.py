"""Values as PostgreSQL writes them: a row comes as text that is only passed on, at next to no cost.

The text is that of `webapp.wire`, exact numbers and instants in UTC with a Z; a test holds the two together.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Numeric,
    Table,
    Text,
    Uuid,
    literal_column,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import ColumnElement

# Six digits of a second or none, as Python has it. JSON's quotes are part of the format: that is faster.
INSTANT = """replace(to_char({0}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')"""
QUOTED_INSTANT = """replace(to_char({0}, '\\"YYYY-MM-DD"T"HH24:MI:SS.US"Z"\\"'), '.000000Z"', 'Z"')"""
# A whole float stays a float; for one that is not finite there is no word.
FLOAT = r"CASE WHEN {0}::text ~ '^-?\d+$' THEN {0}::text || '.0' WHEN {0}::text ~ '\d$' THEN {0}::text END"

# jsonb writes blanks between members; those in strings stay.
COMPACT = r"""regexp_replace({0}::text, '("(?:[^"\\]|\\.)*")|\s', '\1', 'g')"""

# By the type of its column, what a value is in JSON,
JSON: dict[type, str] = {
    Text: "to_json({0})",
    Uuid: "to_json({0})",
    Date: "to_json({0})",
    DateTime: QUOTED_INSTANT,
    BigInteger: "{0}",
    Numeric: "{0}",
    Boolean: "{0}::text",
    Double: FLOAT,
    JSONB: COMPACT,
}
# and in a cell of a CSV file. Free text and documents come as they are: `webapp.export` looks at them.
CELL = {**JSON, Uuid: "{0}::text", Date: "{0}::text", DateTime: INSTANT, Numeric: "{0}::text"}
FREE = (Text, JSONB)

# How rows are written: the columns that a query selects for these of a table.
Form = Callable[[Table, tuple[str, ...]], list[ColumnElement[Any]]]

PREPARER = postgresql.dialect().identifier_preparer


@lru_cache(256)
def as_object(table: Table, names: tuple[str, ...]) -> list[ColumnElement[Any]]:
    """One text for the whole row: a JSON object of these columns, in their order."""
    # Every argument costs, so what stands before a name is one text with it.
    before = ["{", *"," * (len(names) - 1)]
    members = [
        f"""'{mark}"{name}":',{_json(table.c[name])}""" for mark, name in zip(before, names, strict=True)
    ]
    return [literal_column(f"concat({','.join(members)},'}}')")]


@lru_cache(256)
def as_cells(table: Table, names: tuple[str, ...]) -> list[ColumnElement[Any]]:
    """Each column as the text of its cell."""
    return [_cell(table.c[name]) for name in names]


def _json(column: Column[Any]) -> str:
    value = JSON[type(column.type)].format(_name(column))
    may_lack = column.nullable or isinstance(column.type, Double)
    return f"coalesce(({value})::text,'null')" if may_lack else value


def _cell(column: Column[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, FREE):
        return column
    return literal_column(CELL[type(column.type)].format(_name(column)))


def _name(column: Column[Any]) -> str:
    return f"{PREPARER.format_table(column.table)}.{PREPARER.format_column(column)}"
