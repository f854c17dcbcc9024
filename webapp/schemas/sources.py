"""Sources and their numbers."""

from marshmallow import Schema, fields, validate

from models import RUN_STATES
from webapp.queries.stats import ROWS
from webapp.query_types import Instant


class LastRun(Schema):
    """The newest run of a source."""

    id = fields.Integer()
    state = fields.String()
    created_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)
    error_message = fields.String(allow_none=True)


class SourceSchema(Schema):
    """A source: what is declared, and where it stands."""

    source = fields.String()
    dataset = fields.String()
    kind = fields.String()
    description = fields.String()
    upstream = fields.String()
    key = fields.List(fields.String())
    fields_ = fields.Dict(data_key="fields", attribute="fields")
    schedule = fields.Dict(metadata={"description": "every_s or cron; neither: on request only"})
    keep_raw_days = fields.Integer()
    secrets = fields.List(fields.String(), metadata={"description": "Names of environment variables"})
    digest = fields.String()
    enabled = fields.Boolean()
    last_run = fields.Nested(LastRun, allow_none=True)
    next_due_at = Instant(allow_none=True)
    rejects_open = fields.Integer()


class SourceList(Schema):
    """All declared sources."""

    data = fields.List(fields.Nested(SourceSchema))
    request_id = fields.String()


_Rows = Schema.from_dict({name: fields.Integer() for name in ROWS}, name="Rows")
_Runs = Schema.from_dict({name: fields.Integer() for name in RUN_STATES}, name="RunsByState")


class Durations(Schema):
    """How long runs took, in seconds."""

    mean_s = fields.Float(allow_none=True)
    longest_s = fields.Float(allow_none=True)


class SourceStats(Schema):
    """The numbers of one source."""

    source = fields.String()
    dataset = fields.String()
    health = fields.String(validate=validate.OneOf(("unknown", "healthy", "warning", "degraded")))
    runs = fields.Nested(_Runs)
    rows = fields.Nested(_Rows)
    duration = fields.Nested(Durations)
    last_run = fields.Nested(LastRun, allow_none=True)
    last_success_at = Instant(allow_none=True)
    last_failure_at = Instant(allow_none=True)
    freshness_s = fields.Integer(allow_none=True)
    next_due_at = Instant(allow_none=True)
    late_by_s = fields.Integer()
    rejects_open = fields.Integer()
    rows_per_run = fields.List(fields.Integer())


class Stats(Schema):
    """Numbers of a window: runs that ended in it, and open ones. rows.fetched is the sum of the others."""

    generated_at = Instant()
    window = fields.String()
    queue = fields.Dict(keys=fields.String(), values=fields.Integer())
    workers = fields.Dict(
        allow_none=True, metadata={"description": "Seconds since each role was seen; null: Redis is away"}
    )
    runs = fields.Nested(_Runs)
    rows = fields.Nested(_Rows)
    sources = fields.List(fields.Nested(SourceStats))
    request_id = fields.String()
