"""Field types as query parameters: how a text of the query string becomes a value to compare with."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate

# A `+` in a query string is a blank; +00:00 at the end of a time was meant as it was typed.
LOST_PLUS = re.compile(r"(\d\d:\d\d\S*) (\d\d:?\d\d)$")
MOST_DIGITS = 1000
NO_NUL = r"^[^\u0000]*$"
BIGINT = validate.Range(-(2**63), 2**63 - 1)


class Words(fields.String):
    """Text that PostgreSQL can hold."""

    def __init__(self, *, metadata: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": NO_NUL, **(metadata or {})}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\x00" in text:
            raise ValidationError("NUL is in no text here.")
        return text


class Exact(fields.Decimal):
    """An exact number of bearable length."""

    def _validated(self, value: Any) -> Decimal:
        number = super()._validated(value)
        if abs(number.adjusted()) > MOST_DIGITS:
            raise ValidationError(f"More than {MOST_DIGITS} digits.")
        return number


class Instant(fields.AwareDateTime):
    """An instant; one without a zone is UTC. Written as it is, by the one JSON writer.

    Python knows zones 23 hours away from UTC, PostgreSQL 15 hours and no more: it gets UTC.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        mended = LOST_PLUS.sub(r"\1+\2", value) if isinstance(value, str) else value
        instant = super()._deserialize(mended, attr, data, **kwargs)
        try:
            return instant.astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


@dataclass(frozen=True)
class QueryType:
    """How values of a type are read, and which operators make sense for it."""

    field: Callable[..., fields.Field[Any]]
    operators: tuple[str, ...]
    sortable: bool = True


def _whole(**kwargs: Any) -> fields.Integer:
    return fields.Integer(validate=BIGINT, **kwargs)


SAME = ("eq", "ne", "in")
ORDERED = (*SAME, "gt", "gte", "lt", "lte")

# The keys are those of `ingest.normalize.fields.TYPES`; a test holds the two together.
QUERY_TYPES: dict[str, QueryType] = {
    "string": QueryType(Words, (*ORDERED, "contains", "isnull")),
    "integer": QueryType(_whole, (*ORDERED, "isnull")),
    "decimal": QueryType(Exact, (*ORDERED, "isnull")),
    "float": QueryType(fields.Float, (*ORDERED, "isnull")),
    "boolean": QueryType(fields.Boolean, ("eq", "ne", "isnull")),
    "date": QueryType(fields.Date, (*ORDERED, "isnull")),
    "datetime": QueryType(Instant, (*ORDERED, "isnull")),
    "json": QueryType(Words, ("isnull",), sortable=False),
    "uuid": QueryType(fields.UUID, (*SAME, "isnull")),
}
