"""What requests may ask, in the query string and in the body."""

from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from models import REPLAYS, RUN_STATES
from models.run import TRIGGERS
from webapp.arguments import Query
from webapp.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from webapp.queries.stats import WINDOWS
from webapp.query_types import BIGINT, Words

REJECT_STATES = ("open", "resolved", "dismissed")


class Paged(Query):
    """The parameters of every paged list."""

    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, LARGEST_LIMIT))
    cursor = Words(metadata={"description": "next_cursor of the page before"})


class RunsQuery(Paged):
    """Filters of /runs; each may be repeated: any of them."""

    source = fields.List(Words())
    state = fields.List(fields.String(validate=validate.OneOf(RUN_STATES)))
    trigger = fields.List(fields.String(validate=validate.OneOf(TRIGGERS)))


class RejectsQuery(Paged):
    """Filters of /rejects; each may be repeated: any of them."""

    source = fields.List(Words())
    reason = fields.List(Words())
    state = fields.List(fields.String(validate=validate.OneOf(REJECT_STATES)))
    run_id = fields.List(fields.Integer(validate=BIGINT))


class StatsQuery(Query):
    """The span of time that /stats looks back."""

    window = fields.String(load_default="24h", validate=validate.OneOf(tuple(WINDOWS)))


class NoQuery(Query):
    """No parameters at all."""


class ItemPath(Query):
    """Which dataset the id is of."""

    dataset = fields.String(load_default="items")


class RawPath(ItemPath):
    """The record, or the whole page."""

    download = fields.String(
        validate=validate.OneOf(("page",)), metadata={"description": "page: the raw page's exact bytes"}
    )


class OneOrMany(fields.Field[Any]):
    """A name or a list of names."""

    FORMS: ClassVar = [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]

    def __init__(self, *, metadata: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(metadata={"oneOf": self.FORMS, **metadata}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) for name in names):
            raise ValidationError("Must be the name of a source, or a list of names.")
        return value


class RunRequest(Schema):
    """The body of POST /run-etl; nothing at all means every enabled source."""

    class Meta:
        """Whatever else is in the body is a mistake."""

        unknown = RAISE

    source = OneOrMany(metadata={"description": "A source or a list of sources", "example": "coinpaprika"})
    mode = fields.String(load_default="incremental", validate=validate.OneOf(("incremental", "full")))


class ReplayRequest(RunRequest):
    """The body of POST /rejects/replay. `replay` judges open rejects again, `reload` every record."""

    source = OneOrMany(required=True, metadata={"description": "A source or a list of sources"})
    mode = fields.String(load_default="replay", validate=validate.OneOf(REPLAYS))


class DismissRequest(Schema):
    """The body of POST /rejects/dismiss: the open rejects of a source, or those with a reason."""

    class Meta:
        """Whatever else is in the body is a mistake."""

        unknown = RAISE

    source = Words(required=True)
    reason = Words()
