"""Filters of a dataset: a query parameter for every operator of every field, and its SQL condition."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import fields
from sqlalchemy import Table
from sqlalchemy.sql import ColumnElement
from webargs.fields import DelimitedList

from ingest.declared import Dataset
from webapp.query_types import QUERY_TYPES

Condition = Callable[[ColumnElement[Any], Any], ColumnElement[bool]]


@dataclass(frozen=True)
class Operator:
    """What stands behind `field__name=…`; `tells` completes the parameter's description."""

    condition: Condition
    tells: str


OPERATORS: dict[str, Operator] = {
    "eq": Operator(lambda column, values: column.in_(values), "equals; may be repeated: any of them"),
    "ne": Operator(lambda column, value: column.is_distinct_from(value), "differs; null differs from all"),
    "in": Operator(lambda column, values: column.in_(values), "is one of these, between commas"),
    "gt": Operator(operator.gt, "is greater"),
    "gte": Operator(operator.ge, "is greater or equal"),
    "lt": Operator(operator.lt, "is less"),
    "lte": Operator(operator.le, "is less or equal"),
    "contains": Operator(
        lambda column, value: column.icontains(value, autoescape=True), "contains, in any case"
    ),
    "isnull": Operator(lambda column, value: column.is_(None) if value else column.is_not(None), "is null"),
}

# The system columns that can be asked for, with their types and operators.
SYSTEM: dict[str, tuple[str, tuple[str, ...]]] = {
    "id": ("integer", ("eq", "gt", "gte", "lt", "lte")),
    "source": ("string", ("eq", "ne", "in")),
    "key": ("string", ("eq", "in", "contains")),
    "run_id": ("integer", ("eq", "in")),
    "created_at": ("datetime", ("gt", "gte", "lt", "lte")),
    "updated_at": ("datetime", ("gt", "gte", "lt", "lte")),
}


@dataclass(frozen=True)
class Filter:
    """One parameter: the column that it looks at, its type and operator."""

    parameter: str
    column: str
    type: str
    operator: str

    def field(self) -> fields.Field[Any]:
        """The marshmallow field that reads the parameter."""
        metadata = {"description": f"{self.column} {OPERATORS[self.operator].tells}"}
        read = QUERY_TYPES[self.type].field
        if self.operator == "isnull":
            return fields.Boolean(metadata=metadata)
        if self.operator == "eq":
            return fields.List(read(), metadata=metadata)
        return DelimitedList(read(), metadata=metadata) if self.operator == "in" else read(metadata=metadata)


def filters_of(dataset: Dataset, reserved: set[str]) -> dict[str, Filter]:
    """Every filter of a dataset by parameter; a field with a reserved name is asked for as `name__eq`."""
    declared = {field.name: (field.type, QUERY_TYPES[field.type].operators) for field in dataset.fields}
    found = [
        Filter(_parameter(name, operator, reserved), name, type, operator)
        for name, (type, operators) in (SYSTEM | declared).items()
        for operator in operators
    ]
    return {filter.parameter: filter for filter in found}


def _parameter(name: str, operator: str, reserved: set[str]) -> str:
    return name if operator == "eq" and name not in reserved else f"{name}__{operator}"


def conditions(
    table: Table, filters: Mapping[str, Filter], values: Mapping[str, Any]
) -> list[ColumnElement[bool]]:
    """The SQL conditions of the given values."""
    return [
        OPERATORS[filter.operator].condition(table.c[filter.column], values[name])
        for name, filter in filters.items()
        if name in values
    ]
