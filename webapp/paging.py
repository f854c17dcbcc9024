"""Keyset paging: a cursor names the last row seen, so that a run that writes moves no page.

The order is one column and then `id`, which is unique. Rows without a value come last in both
directions: they are a phase of their own, which lets the index serve each phase.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from marshmallow import ValidationError
from marshmallow.fields import Field, Integer
from marshmallow.validate import Range
from sqlalchemy import Select, literal, tuple_
from sqlalchemy.sql import ColumnElement

from webapp.wire import text_of

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000
BIGINT = Range(-(2**63), 2**63 - 1)
ID, ID_TEXT = Integer(strict=True, validate=BIGINT), Integer(validate=BIGINT)


@dataclass(frozen=True)
class Order:
    """Sorted by `column`, then by `id`, both in one direction."""

    column: ColumnElement[Any]
    id: ColumnElement[int]
    descending: bool = False
    nullable: bool = False

    @property
    def by_id(self) -> bool:
        """Whether the id alone makes the order."""
        return self.column is self.id


@dataclass(frozen=True)
class Place:
    """A place between two rows: after the row with this value and id."""

    value: Any
    id: int


def phases(select: Select[Any], order: Order, after: Place | None) -> Iterator[Select[Any]]:
    """The rows after the place, in order, as one or two statements to be read one after the other."""
    if after is None or after.value is not None:
        valued = select.where(order.column.is_not(None)) if order.nullable else select
        yield _sorted(valued if after is None else valued.where(_beyond(order, after)), order)
    if order.nullable:
        empty = select.where(order.column.is_(None))
        in_empty = after is not None and after.value is None
        yield _sorted(empty.where(_past(order, after.id)) if in_empty else empty, _only_id(order))


def _sorted(select: Select[Any], order: Order) -> Select[Any]:
    columns = [order.id] if order.by_id else [order.column, order.id]
    return select.order_by(*(column.desc() if order.descending else column.asc() for column in columns))


def _only_id(order: Order) -> Order:
    return Order(order.id, order.id, order.descending)


def _past(order: Order, id: int) -> ColumnElement[bool]:
    return order.id < id if order.descending else order.id > id


def _beyond(order: Order, after: Place) -> ColumnElement[bool]:
    if order.by_id:
        return _past(order, after.id)
    here = tuple_(order.column, order.id)
    there = tuple_(literal(after.value, order.column.type), literal(after.id, order.id.type))
    return here < there if order.descending else here > there


def digest(*parts: object) -> str:
    """A short fingerprint of what a cursor belongs to."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def encode(place: Place, belongs: str) -> str:
    """Write a cursor. `belongs` is the digest of the filters and the order."""
    return urlsafe_b64encode(orjson.dumps([text_of(place.value), place.id, belongs])).decode().rstrip("=")


def decode(cursor: str, belongs: str, field: Field[Any]) -> Place:
    """Read a cursor; `field` reads the sort value. Raises ValidationError."""
    try:
        value, id, made_for = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = Place(None if value is None else field.deserialize(value), ID.deserialize(id))
    except (ValueError, TypeError) as error:
        raise _refused("This is not a cursor of ours.") from error
    if made_for != belongs:
        raise _refused("The cursor belongs to other filters or another order.")
    return place


def _refused(reason: str) -> ValidationError:
    return ValidationError({"cursor": [reason]})


def id_after(cursor: str | None, belongs: str) -> Place | None:
    """The place that a cursor of a list sorted by id names. Raises ValidationError."""
    return None if cursor is None else decode(cursor, belongs, ID_TEXT)
