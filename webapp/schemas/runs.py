"""Runs, and records that runs set aside."""

from marshmallow import Schema, fields, validate

from models import RUN_STATES
from models.run import TRIGGERS
from webapp.queries.runs import COUNTERS
from webapp.query_types import Instant
from webapp.schemas.asked import REJECT_STATES
from webapp.schemas.items import Envelope


class Failure(Schema):
    """Why a run failed."""

    kind = fields.String()
    message = fields.String()


class PartsDone(Schema):
    """How many parts of a run are done, of how many."""

    done = fields.Integer()
    total = fields.Integer()


class RunSchema(Schema):
    """One run. fetched = inserted + updated + unchanged + rejected + superseded, always."""

    id = fields.Integer()
    source = fields.String()
    state = fields.String(validate=validate.OneOf(RUN_STATES))
    mode = fields.String()
    trigger = fields.String(validate=validate.OneOf(TRIGGERS))
    slot = Instant(allow_none=True)
    attempts = fields.Integer()
    cancel_requested = fields.Boolean()
    requested_by = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True)
    not_before = Instant(allow_none=True)
    created_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)
    counts = fields.Nested(Schema.from_dict({name: fields.Integer() for name in COUNTERS}, name="Counts"))
    parts = fields.Nested(
        PartsDone, allow_none=True, metadata={"description": "null: the run is not divided"}
    )
    error = fields.Nested(Failure, allow_none=True)
    position_before = fields.Raw(allow_none=True)
    position_after = fields.Raw(allow_none=True)
    lease_expiries = fields.Integer()


class RunList(Envelope):
    """Runs, newest first."""

    data = fields.List(fields.Nested(RunSchema))


class RequestedRun(Schema):
    """A run that was asked for. `dispatched` false: workers hear of it within some seconds."""

    run_id = fields.Integer()
    source = fields.String()
    state = fields.String()
    created = fields.Boolean()
    dispatched = fields.Boolean()


class Requested(Schema):
    """The runs of a request."""

    runs = fields.List(fields.Nested(RequestedRun))
    request_id = fields.String()


class RejectSchema(Schema):
    """A record that was set aside; lists show its beginning as `excerpt`, one reject all of `record`."""

    id = fields.Integer()
    source = fields.String()
    run_id = fields.Integer()
    raw_id = fields.Integer()
    raw_index = fields.Integer()
    position = fields.String()
    key = fields.String(allow_none=True)
    field = fields.String(allow_none=True)
    reason = fields.String()
    message = fields.String()
    state = fields.String(validate=validate.OneOf(REJECT_STATES))
    created_at = Instant()
    updated_at = Instant()
    excerpt = fields.String()
    record = fields.String()
    raw_page_kept = fields.Boolean(
        metadata={"description": "False: retention took the raw page, so a replay passes over the record"}
    )


class RejectList(Envelope):
    """Rejects, newest first."""

    data = fields.List(fields.Nested(RejectSchema))


class Dismissed(Schema):
    """How many rejects a request has dismissed."""

    dismissed = fields.Integer()
    request_id = fields.String()
