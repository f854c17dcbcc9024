"""Row by row: the marshmallow schema of a source, and the rejects that come of it."""

from typing import Any

import marshmallow
import polars as pl

from ingest.declared import Field, Mapping, Source
from ingest.normalize.constraints import bound, validators
from ingest.normalize.fields import TYPES
from ingest.normalize.verdict import Reason, plain_text
from ingest.page import NOT_TEXT, Frame, Record, Reject

# Columns beside the fields' own; a space keeps them apart from any declared name.
ROW, KEY, FITS = " row", " key", " fits"
# Beside the cleaned text of a field stands its canonical text.
CANONICAL = " canonical"
# PostgreSQL's index on (source, key) holds no more than 2,704 bytes; longer keys are hardly names.
LONGEST_KEY = 1000


def schema_of(source: Source) -> type[marshmallow.Schema]:
    """The marshmallow schema that has the last word on a record of this source."""
    by_field = {mapping.field: mapping for mapping in source.mapping}
    fields = {
        field.name: _field(field, by_field.get(field.name, Mapping(field.name)))
        for field in source.dataset.fields
    }
    return marshmallow.Schema.from_dict(fields, name=f"{source.name}_record")


def _field(field: Field, mapping: Mapping) -> Any:
    checks = validators(field, _ordered(field, mapping))
    return TYPES[field.type].field(
        mapping, required=field.required, allow_none=not field.required, validate=checks
    )


def _ordered(field: Field, mapping: Mapping) -> Any:
    """Bounds of days and times are read as such, bounds of numbers as numbers."""
    if field.type in ("date", "datetime"):
        return TYPES[field.type].field(Mapping(field.name)).parse
    return bound(field.type)


class Judge:
    """Judges the rows that the fast checks did not accept, by the fields that they did not accept."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.schema = schema_of(source)()
        self.names = [field.name for field in source.dataset.fields]
        self.mapped = {mapping.field: mapping.path for mapping in source.mapping}
        self.columns = {
            ROW: pl.Int64(),
            KEY: pl.String(),
            **dict.fromkeys(self.names, pl.String()),
        }

    def rows(self, doubtful: pl.DataFrame, frame: Frame) -> tuple[pl.DataFrame, list[Reject]]:
        """Return the rows that are good after all, as canonical text, and a reject for each other one.

        `doubtful` holds the cleaned texts, and the canonical ones of the fields that are certainly right.
        """
        good: list[dict[str, Any]] = []
        rejects: list[Reject] = []
        for row in doubtful.iter_rows(named=True):
            verdict = self.row(row, frame)
            if isinstance(verdict, Reject):
                rejects.append(verdict)
            else:
                good.append(verdict)
        return pl.DataFrame(good, schema=self.columns), rejects

    def row(self, row: dict[str, Any], frame: Frame) -> dict[str, Any] | Reject:
        """Judge one row: its canonical texts, or the reject."""
        record = frame.record(row[ROW])
        index = frame.index[row[ROW]]
        if problem := key_problem(row[KEY], self.source):
            return reject(index, record, problem, field=",".join(self.source.key))
        certain = {name: row[name + CANONICAL] for name in self.names if row[name + CANONICAL] is not None}
        others = {name: self._value(name, row, record) for name in self.names if name not in certain}
        try:
            values = self.schema.load(others, partial=True)
        except marshmallow.ValidationError as error:
            # A frame of marshmallow's holds the error: with its way through the frames it would be a circle,
            # and hold the page until that is collected.
            return self._refused(index, record, row[KEY], error.with_traceback(None))
        texts = {name: self._text(name, value) for name, value in values.items()}
        return {ROW: row[ROW], KEY: row[KEY], **certain, **texts}

    def _value(self, name: str, row: dict[str, Any], record: Record) -> Any:
        """The cleaned text; where the record holds no text there, what it holds."""
        path = self.mapped.get(name)
        return record.values.get(path) if row[name] == NOT_TEXT and path is not None else row[name]

    def _text(self, name: str, value: Any) -> str | None:
        return None if value is None else TYPES[self.source.dataset.field(name).type].text(value)

    def _refused(self, index: int, record: Record, key: str, error: marshmallow.ValidationError) -> Reject:
        messages: Any = error.messages
        name = next(name for name in self.names if name in messages)
        others = [other for other in messages if other != name]
        return reject(index, record, messages[name][0], field=name, key=key, others=others)


def key_problem(key: str | None, source: Source) -> Reason | None:
    """Why a record has no usable key, or None."""
    named = ", ".join(source.key)
    if key is None:
        return Reason("missing_key", f"the record has no value at {named}, which is its key")
    try:
        plain_text(key)
    except marshmallow.ValidationError:
        return Reason("bad_key", f"the value at {named} is no text that PostgreSQL can hold")
    if len(key.encode()) > LONGEST_KEY:
        return Reason(
            "key_too_long", f"the key has {len(key.encode())} bytes; at most {LONGEST_KEY} are allowed"
        )
    return None


def reject(
    index: int,
    record: Record,
    reason: Reason,
    *,
    field: str,
    key: str | None = None,
    others: list[str] | None = None,
) -> Reject:
    """Return the reject of a record, with all that one asks for later."""
    message = f"{field} {reason.message}" if key is not None else reason.message
    if others:
        message += f"; also wrong: {', '.join(others)}"
    return Reject(index, record.position, reason.code, message, record.text, key=key, field=field)
