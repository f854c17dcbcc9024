"""The query string of /data, read into one plain value."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import Table
from sqlalchemy.sql import ColumnElement
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from ingest.declared import Catalog
from webapp import paging
from webapp.arguments import Query, hint
from webapp.filters import conditions
from webapp.query_types import QUERY_TYPES
from webapp.shapes import DEFAULT_DATASET, PROVENANCE, Shape, shape_of

MOST_QUERIES = 256


@dataclass(frozen=True, eq=False)
class ItemQuery:
    """What was asked of a dataset, ready for SQL."""

    shape: Shape
    columns: tuple[str, ...]
    conditions: list[ColumnElement[bool]]
    order: paging.Order
    after: paging.Place | None
    belongs: str
    asked: Mapping[str, Any]

    @property
    def limit(self) -> int:
        """Rows a page."""
        limit: int = self.asked.get("limit", paging.DEFAULT_LIMIT)
        return limit

    @property
    def one_statement(self) -> bool:
        """Whether one statement finds all, so that no transaction has to hold several together."""
        return not self.order.nullable and self.asked["count"] == "none" and "facet" not in self.asked

    @property
    def whole(self) -> bool:
        """Whether neither a limit nor a cursor asks for a part."""
        return "limit" not in self.asked and self.after is None


def read(shape: Shape, asked: Mapping[str, Any]) -> ItemQuery:
    """Make a query of checked arguments. Raises ValidationError."""
    order = order_of(shape, asked["sort"])
    if "facet" in asked:
        known(asked["facet"], sortable(shape), "facet")
    filtered = {name: asked[name] for name in sorted(asked) if name in shape.filters}
    places = [asked.get(name) for name in ("since", "until", "deleted", "sort")]
    belongs = paging.digest(shape.dataset.name, filtered, places)
    return ItemQuery(
        shape,
        _columns(shape, asked.get("fields")),
        conditions(shape.table, shape.filters, filtered) + _times(shape.table, asked),
        order,
        _after(shape, order, asked.get("cursor"), belongs),
        belongs,
        asked,
    )


def order_of(shape: Shape, sort: str) -> paging.Order:
    """The order that `sort` names. Raises ValidationError."""
    name = sort.removeprefix("-")
    column = shape.table.c[known(name, sortable(shape), "sort")]
    return paging.Order(column, shape.table.c.id, sort.startswith("-"), bool(column.nullable))


def sortable(shape: Shape) -> list[str]:
    """The columns whose values can be sorted and grouped."""
    return [name for name, type in shape.types.items() if QUERY_TYPES[type].sortable]


def known(name: str, names: list[str], parameter: str) -> str:
    """Return the name if it is one of the known. Raises ValidationError."""
    if name in names:
        return name
    raise ValidationError({parameter: [f"Unknown column. {hint(name, names)}"]})


def _columns(shape: Shape, asked: list[str] | None) -> tuple[str, ...]:
    if not asked:
        return shape.default_columns
    names = [*shape.default_columns, *PROVENANCE]
    return tuple(known(name, names, "fields") for name in dict.fromkeys(asked))


def _times(table: Table, asked: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    found = [table.c.updated_at >= asked["since"]] if "since" in asked else []
    found += [table.c.updated_at < asked["until"]] if "until" in asked else []
    deleted = {"exclude": [table.c.deleted_at.is_(None)], "only": [table.c.deleted_at.is_not(None)]}
    return found + deleted.get(asked["deleted"], [])


def _after(shape: Shape, order: paging.Order, cursor: str | None, belongs: str) -> paging.Place | None:
    if cursor is None:
        return None
    return paging.decode(cursor, belongs, QUERY_TYPES[shape.types[order.column.name]].field())


class ItemQueries:
    """The query strings of all datasets."""

    def __init__(self, catalog: Catalog) -> None:
        self.shapes = {name: shape_of(dataset) for name, dataset in catalog.datasets.items()}
        # Who asks again asks the same: what was read of the latest query strings is kept.
        self.read = lru_cache(MOST_QUERIES)(self._read)

    def shape(self, name: str) -> Shape:
        """The shape of a dataset by name. Raises ValidationError."""
        if name in self.shapes:
            return self.shapes[name]
        raise ValidationError({"dataset": [f"Unknown dataset. {hint(name, self.shapes)}"]})

    def _read(self, given: tuple[tuple[str, str], ...]) -> ItemQuery:
        """Read a query string by the schema of its dataset. Raises ValidationError."""
        asked = MultiDict(given)
        shape = self.shape(asked.get("dataset", DEFAULT_DATASET))
        schema = shape.schema(frozenset(asked))
        return read(shape, schema.load(MultiDictProxy(asked, schema)))

    def schema(self) -> type[Query]:
        """A schema that describes the parameters of all datasets, and reads by the one asked for."""
        queries = self

        class DataQuery(Query):
            """Every dataset's parameters; which of them a request may use depends on its dataset."""

            only_passes_on = True

            def load(self, data: Any, **kwargs: Any) -> ItemQuery:
                """Read the query string."""
                return queries.read(tuple(data.items(multi=True)))

        every: dict[str, Any] = {}
        for shape in reversed(self.shapes.values()):
            every |= shape.parameters
        return DataQuery.from_dict(every, name="DataQuery")
