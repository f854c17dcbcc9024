"""Lists in general, rows of datasets, and where a row came from."""

from marshmallow import Schema, fields, validate

from webapp.query_types import Instant


class Page(Schema):
    """Where a list stands."""

    limit = fields.Integer()
    next_cursor = fields.String(allow_none=True)
    has_more = fields.Boolean()


class CountedPage(Page):
    """Where a list stands, and how long the whole is, when asked for."""

    count = fields.Integer(allow_none=True)
    count_kind = fields.String(validate=validate.OneOf(("none", "estimated", "exact")))


class Envelope(Schema):
    """What every list has around its data."""

    page = fields.Nested(Page)
    request_id = fields.String()
    api_latency_ms = fields.Float()


class ItemList(Envelope):
    """Rows of a dataset. Decimals are JSON numbers with all their digits; a float would lose some."""

    data = fields.List(fields.Dict())
    page = fields.Nested(CountedPage)
    facet = fields.Dict(metadata={"description": "With facet=: the column and its most frequent values"})


class Item(Schema):
    """One row with all its columns."""

    data = fields.Dict()
    request_id = fields.String()
    api_latency_ms = fields.Float()


class RawPageSchema(Schema):
    """The page that a row came from. `request` holds no secrets."""

    request = fields.Dict()
    media_type = fields.String()
    sha256 = fields.String(metadata={"description": "Of the page's bytes"})
    size = fields.Integer()
    records = fields.Integer()
    part = fields.String()
    sequence = fields.Integer()
    run_id = fields.Integer()
    fetched_at = Instant()
    landed_at = Instant()


class Provenance(Schema):
    """Where a row came from."""

    id = fields.Integer()
    source = fields.String()
    key = fields.String()
    run_id = fields.Integer()
    raw_id = fields.Integer()
    raw_index = fields.Integer(metadata={"description": "The record's number in the page, from 0"})
    record = fields.String(allow_none=True, metadata={"description": "The record's own text"})
    page = fields.Nested(RawPageSchema)
