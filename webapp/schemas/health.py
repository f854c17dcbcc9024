"""The replies of /health, in the form of draft-inadarei-api-health-check-06."""

from marshmallow import Schema, fields, validate

from webapp.query_types import Instant
from webapp.schemas.sources import LastRun

STATUS = validate.OneOf(("pass", "warn", "fail"))


class Live(Schema):
    """The process answers."""

    status = fields.String(validate=STATUS)


class Check(Schema):
    """One observation."""

    componentType = fields.String()
    observedValue = fields.Raw()
    observedUnit = fields.String()
    status = fields.String(validate=STATUS)
    time = Instant()
    output = fields.String()


class Health(Live):
    """pass and warn can serve, fail cannot."""

    checks = fields.Dict(keys=fields.String(), values=fields.List(fields.Nested(Check)))
    sources = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(LastRun, allow_none=True),
        metadata={"description": "By source: its last run"},
    )
    request_id = fields.String()
