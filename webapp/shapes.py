"""A dataset as /data sees it: its table, and the query parameters made from its declaration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from marshmallow import fields, missing, validate
from sqlalchemy import Table
from webargs.fields import DelimitedList

from ingest.declared import Dataset
from ingest.normalize.fields import dataset_table
from webapp import paging
from webapp.arguments import Query
from webapp.filters import SYSTEM, Filter, filters_of
from webapp.query_types import Instant, Words

DEFAULT_DATASET = "items"
FORMATS = ("json", "csv", "ndjson")
MOST_SCHEMAS = 64
PROVENANCE = ("raw_id", "raw_index", "content_hash", "deleted_at")

# The parameters that every dataset has, beside its filters.
FIXED: dict[str, fields.Field[Any]] = {
    "dataset": fields.String(metadata={"description": f"Which dataset; {DEFAULT_DATASET} unless said"}),
    "since": Instant(metadata={"description": "Changed at this instant or later; without a zone: UTC"}),
    "until": Instant(metadata={"description": "Changed before this instant"}),
    "deleted": fields.String(
        load_default="exclude",
        validate=validate.OneOf(("exclude", "include", "only")),
        metadata={"description": "What to do with rows that are marked as deleted"},
    ),
    "fields": DelimitedList(fields.String(), metadata={"description": "Only these columns, between commas"}),
    "sort": fields.String(
        load_default="id",
        metadata={"description": "A column, with - in front for descending; nulls come last"},
    ),
    "limit": fields.Integer(
        validate=validate.Range(1, paging.LARGEST_LIMIT),
        metadata={"description": f"Rows a page, {paging.DEFAULT_LIMIT} unless said"},
    ),
    "cursor": Words(metadata={"description": "next_cursor of the page before"}),
    "count": fields.String(
        load_default="none",
        validate=validate.OneOf(("none", "estimated", "exact")),
        metadata={"description": "Whether to count all rows of the filter"},
    ),
    "facet": fields.String(
        metadata={"description": "The 20 most frequent values of this column; first page only"}
    ),
    "format": fields.String(
        validate=validate.OneOf(FORMATS),
        metadata={"description": "Instead of Accept; csv and ndjson without limit give all rows"},
    ),
    "csv_safe": fields.Boolean(
        load_default=False, metadata={"description": "Disarm cells that a spreadsheet takes for formulas"}
    ),
}


@dataclass(frozen=True)
class Shape:
    """A dataset as /data sees it: its table, filters and the types of its columns."""

    dataset: Dataset
    table: Table
    filters: Mapping[str, Filter]
    types: Mapping[str, str]

    @cached_property
    def default_columns(self) -> tuple[str, ...]:
        """What a row shows unless `fields` says otherwise: all but the bookkeeping."""
        declared = [field.name for field in self.dataset.fields]
        return ("id", "source", "key", *declared, "run_id", "created_at", "updated_at")

    @cached_property
    def parameters(self) -> dict[str, fields.Field[Any]]:
        """Every parameter of the query string, by name."""
        return FIXED | {name: filter.field() for name, filter in self.filters.items()}

    @cached_property
    def schema(self) -> Callable[[frozenset[str]], Query]:
        """Makes the marshmallow schema that reads these parameters of a query string.

        A request has few of a hundred parameters: a schema of those alone, which is kept, reads it faster.
        """
        whole = Query.from_dict(self.parameters, name=f"{self.dataset.name}_query")
        always = {name for name, field in self.parameters.items() if field.load_default is not missing}
        return lru_cache(MOST_SCHEMAS)(lambda given: whole(only=always | (given & set(self.parameters))))


def shape_of(dataset: Dataset) -> Shape:
    """Return the shape of a declared dataset."""
    types = {name: type for name, (type, _) in SYSTEM.items()}
    types |= {field.name: field.type for field in dataset.fields}
    return Shape(dataset, dataset_table(dataset), filters_of(dataset, set(FIXED)), types)
