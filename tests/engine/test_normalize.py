"""A record is judged as marshmallow judges all of it, however much of it the fast checks have accepted."""

import marshmallow
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.declared import Dataset, Field
from ingest.decode import decode
from ingest.normalize import normalize
from ingest.normalize.fields import TYPES
from ingest.normalize.judge import schema_of
from ingest.page import JSON, Page
from tests.engine.rows import Script, thing_source

FIELDS = (
    Field("name", "string", required=True, max_length=5),
    Field("price", "decimal", min="0", max="100"),
    Field("rank", "integer", min="1", max="2"),
    Field("seen_at", "datetime", min="2026-01-01T00:00:00Z"),
    Field("is_on", "boolean", required=True),
)
SOURCE = thing_source(Script([]), dataset=Dataset("coins", FIELDS))
VALUES = {
    "name": ["red", "too long", "", None],
    "price": ["1.5", "1.50", "1e1", "-1", "1e3", "much", None],
    "rank": ["1", "+2", "3", "first", None],
    "seen_at": ["2026-01-02T03:04:05Z", "2026-01-02 03:04:05.5+01:00", "2025-01-01T00:00:00Z", "now", None],
    "is_on": ["true", "yes", "perhaps", None],
}
fields = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})


def by_marshmallow(record):
    """The line of a record, or the code and field of its reject and the other fields that are wrong."""
    try:
        values = schema_of(SOURCE)().load({field.name: record[field.name] or None for field in FIELDS})
    except marshmallow.ValidationError as error:
        wrong = [field.name for field in FIELDS if field.name in error.messages]
        return error.messages[wrong[0]][0].code, wrong[0], wrong[1:]
    return [TYPES[field.type].text(values[field.name]) for field in FIELDS if values[field.name] is not None]


@settings(deadline=None, max_examples=300)
@given(st.lists(fields, max_size=12))
def test_records_are_judged_as_by_marshmallow(found):
    numbered = [{"id": str(number), **record} for number, record in enumerate(found)]
    good, rejects = normalize(decode(Page(orjson.dumps(numbered), JSON, {"page": 1}, None), SOURCE), SOURCE)
    lines = [line.split("\t") for line in good["line"]]
    outcomes = {int(key): [text for text in texts if text != "\\N"] for key, *texts in lines}
    for reject in rejects:
        _, _, others = reject.message.partition("; also wrong: ")
        outcomes[reject.index] = (reject.reason, reject.field, others.split(", ") if others else [])

    assert outcomes == {number: by_marshmallow(record) for number, record in enumerate(found)}
