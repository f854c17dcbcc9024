"""Field types: one entry = the column, the fast check, the marshmallow field, and the canonical text.

The canonical text of a value is what is hashed and what COPY gets: equal values have equal texts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

import models
from ingest.declared import Dataset, Field, Mapping
from ingest.normalize import accept, documents, numbers, times, verdict

Fast = Callable[[pl.Expr, Field, Mapping], accept.Ways]


@dataclass(frozen=True)
class Type:
    """One field type. `order` turns canonical text into a value that compares, where order has a meaning."""

    column: TypeEngine[Any]
    fast: Fast
    field: type[verdict.Text]
    text: Callable[[Any], str]
    order: Callable[[str], Any] | None = None


def _decimal_text(value: Decimal) -> str:
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _float_text(value: float) -> str:
    return _decimal_text(Decimal(repr(value)))


def _boolean_text(value: bool) -> str:
    return "true" if value else "false"


def _time_text(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


TYPES: dict[str, Type] = {
    "string": Type(Text(), accept.string, verdict.Text, str),
    "integer": Type(BigInteger(), accept.integer, numbers.IntegerText, str, Decimal),
    "decimal": Type(Numeric(), accept.decimal, numbers.DecimalText, _decimal_text, Decimal),
    "float": Type(Double(), accept.floating, numbers.FloatText, _float_text, Decimal),
    "boolean": Type(Boolean(), accept.boolean, verdict.BooleanText, _boolean_text),
    "date": Type(Date(), accept.date, times.DateText, date.isoformat, str),
    "datetime": Type(DateTime(timezone=True), accept.datetime, times.DatetimeText, _time_text, str),
    "json": Type(JSONB(), accept.never, documents.JsonText, str),
    "uuid": Type(Uuid(), accept.uuid, verdict.UuidText, UUID.__str__),
}

# Types whose canonical text may hold characters that COPY gives a meaning to.
FREE_TEXT = {"string", "json"}


def columns(dataset: Dataset) -> list[Column[Any]]:
    """The declared columns of a dataset, in order."""
    return [
        Column(
            field.name,
            TYPES[field.type].column,
            nullable=not field.required,
            comment=field.description or None,
        )
        for field in dataset.fields
    ]


def dataset_table(dataset: Dataset) -> Table:
    """The table of a dataset: system columns and declared fields."""
    return models.dataset_table(
        dataset.name, columns(dataset), [field.name for field in dataset.fields if field.index]
    )
