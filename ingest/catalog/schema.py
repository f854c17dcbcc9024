"""The marshmallow schemas of catalogue files: a dataset file and a source file.

They check a file by itself; what needs both files is in `ingest.catalog.checks`. The descriptions are
what an editor shows (`ingest.catalog.json_schema`).
"""

from typing import Any

import polars as pl
from marshmallow import ValidationError, post_load, validates_schema

from ingest.catalog.groups import Closed, Entries, Many, OneOrMany, Options, Short, Variant
from ingest.catalog.options import OPTIONS
from ingest.catalog.parts import PARTS
from ingest.catalog.units import Duration
from ingest.catalog.values import Choice, Filled, FreeName, Scalar, Text, Toggle, Whole
from ingest.catalog.words import Cron, Pattern, TimeFormat, Zone
from ingest.declared import Mapping
from ingest.normalize.constraints import whole
from ingest.normalize.fields import TYPES
from ingest.references import shown

SYSTEM_COLUMNS = {"id", "source", "key", "content_hash", "raw_id", "raw_index", "run_id"} | {
    "created_at",
    "updated_at",
    "deleted_at",
}
QUERY_PARAMETERS = {"dataset", "fields", "sort", "limit", "cursor", "count", "format", "since", "until"}
POSTGRES_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
FIELD_NAMES_TAKEN = frozenset(SYSTEM_COLUMNS | QUERY_PARAMETERS | POSTGRES_COLUMNS)

ORDERED = {"integer", "decimal", "float", "date", "datetime"}
VERSIONS = {"integer", "decimal", "date", "datetime"}
# PostgreSQL cannot index more than 2,704 bytes, and a row that is too long would stop its whole batch.
LONGEST_INDEXED = 650
SUITED = {
    "min": ORDERED,
    "max": ORDERED,
    "max_length": {"string", "json"},
    "one_of": {"string"},
    "pattern": {"string"},
    "index": set(TYPES) - {"json"},
}


def parsed(type_name: str, text: str, mapping: Mapping) -> Any:
    """Return the value of the text by the type's own rules. Raises ValidationError without its message."""
    try:
        return TYPES[type_name].field(mapping).deserialize(text)
    except ValidationError as error:
        raise ValidationError(f"{shown(text)} is not a valid {type_name}") from error


class FieldEntry(Closed):
    """One declared field of a dataset: a column."""

    type = Choice(TYPES, "The type of the values.", required=True)
    required = Toggle("A record without a value is rejected.", default=False)
    min = Scalar("The least value.", default=None)
    max = Scalar("The greatest value.", default=None)
    max_length = Whole("The most characters.", least=1, most=1_000_000, default=None)
    one_of = Many(Scalar(), "The only texts allowed.", default=None)
    pattern = Pattern("What the whole text must match (syntax of Rust's regex).", default=None)
    index = Toggle("Build an index, for filters and sorting.", default=False)
    description = Text("What it means, with its unit.", default="")

    @validates_schema
    def _suits_type(self, data: dict[str, Any], **kwargs: Any) -> None:
        unsuited = {
            option: f"makes no sense for type {data['type']}"
            for option, types in SUITED.items()
            if data[option] not in (None, False) and data["type"] not in types
        }
        if unsuited:
            raise ValidationError({option: [message] for option, message in unsuited.items()})

    @validates_schema
    def _index_fits(self, data: dict[str, Any], **kwargs: Any) -> None:
        longest = data["max_length"] or LONGEST_INDEXED + 1
        if data["index"] and data["type"] == "string" and longest > LONGEST_INDEXED:
            raise ValidationError(f"needs a max_length of at most {LONGEST_INDEXED}", "index")

    @validates_schema
    def _texts_fit(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data["pattern"] is None or data["one_of"] is None:
            return
        if not pl.Series(data["one_of"]).str.contains(whole(data["pattern"])).all():
            raise ValidationError("holds a text that the pattern refuses", "one_of")

    @post_load
    def _canonical_bounds(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Bounds are compared as text with canonical values, so they are made canonical once, here."""
        kind = TYPES[data["type"]]
        for bound in ("min", "max"):
            if data[bound] is not None:
                data[bound] = kind.text(_bound(data, bound))
        if (
            kind.order
            and None not in (data["min"], data["max"])
            and kind.order(data["min"]) > kind.order(data["max"])
        ):
            raise ValidationError("is greater than max", "min")
        return data


def _bound(data: dict[str, Any], bound: str) -> Any:
    try:
        return parsed(data["type"], data[bound], Mapping(field=bound))
    except ValidationError as error:
        raise ValidationError({bound: error.messages}) from error


class DatasetFile(Closed):
    """A dataset: one table that sources share, named like the file."""

    description = Text("What a row of it is.", default="")
    newest_by = Text("The field that tells which version of an item is newer.", default=None)
    fields_ = Entries(
        FreeName(FIELD_NAMES_TAKEN),
        Short(FieldEntry, "type"),
        "The declared fields by name; `name: type` is short for `name: {type: …}`.",
        data_key="fields",
        required=True,
    )

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _newest_by_tells_age(self, data: dict[str, Any], original: Any, **kwargs: Any) -> None:
        newest_by, fields = data.get("newest_by"), data.get("fields_", {})
        written = original.get("fields") if isinstance(original, dict) else None
        if newest_by is None or not isinstance(written, dict) or newest_by in written.keys() - fields.keys():
            return
        if newest_by not in fields or fields[newest_by]["type"] not in VERSIONS:
            raise ValidationError(
                f"must name a declared field of type {', '.join(sorted(VERSIONS))}", "newest_by"
            )

    @validates_schema
    def _has_fields(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not data["fields_"]:
            raise ValidationError("must declare at least one field", "fields")


class MappingEntry(Closed):
    """How one field gets its value: from a path of the record, or a constant."""

    path = Filled("Where the record holds it: a JMESPath, or a column's name.", data_key="from")
    constant = Scalar("The same value for every record; stands alone.")
    default = Scalar("What replaces an absent or null value.", default=None)
    trim = Toggle("Drop white space around the text.", default=True)
    nulls = Many(Scalar(), "Words that mean null, besides the empty text.", default=None)
    case = Choice(["upper", "lower"], "Change the text's case.", default=None)
    format = TimeFormat("How a time is written: strptime's format, epoch or epoch_ms.", default=None)
    zone = Zone("The time zone of times that name none.", default=None)
    decimal_comma = Toggle("Numbers are written like 1.234,5.", default=False)
    money = Toggle('Numbers are written like "$87,000", "4800 USD" or "$1.7T".', default=False)

    @validates_schema(pass_original=True)
    def _one_origin(self, data: dict[str, Any], original: dict[str, Any], **kwargs: Any) -> None:
        if ("path" in data) == ("constant" in data):
            raise ValidationError("needs exactly one of from and constant")
        if others := sorted(original.keys() - {"constant"}) if "constant" in data else []:
            raise ValidationError(f"stands alone, without {', '.join(others)}", "constant")


class SourceFile(Closed):
    """A source: where records come from, when, and how they become items. Named like the file."""

    description = Text("What it is.", default="")
    dataset = Text("The dataset that its records go into.", default="items")
    every = Duration("How often it runs: 90s, 5m, 1h, 1d.", least=1, default=None)
    cron = Cron("When it runs, in UTC, instead of every; with neither it runs on request only.", default=None)
    kind = Choice(OPTIONS, "What kind of source it is.", required=True)
    keep_raw = Duration("How long the raw pages are kept.", least=1, default="90d")
    max_reject_percent = Whole(
        "A run stops when more of its records (of 100 at least) are rejects; 100: never.",
        most=100,
        default=50,
    )
    options = Options(OPTIONS, "The options of its kind.", required=True)
    parts = Variant(
        PARTS, "How a run of it is divided among workers; absent: it is not.", chosen_by="by", default=None
    )
    key = OneOrMany(Filled(), "The path, or paths, whose values name a record.", required=True)
    fields_ = Entries(
        Text(),
        Short(MappingEntry, "from"),
        "The mapping: `field: path` is short for `field: {from: path}`.",
        data_key="fields",
        required=True,
    )

    @validates_schema(skip_on_field_errors=False)
    def _one_schedule(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data.get("every") is not None and data.get("cron") is not None:
            raise ValidationError("excludes every", "cron")
