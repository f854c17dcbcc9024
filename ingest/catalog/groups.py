"""The marshmallow fields that hold others: groups, entries by name, variants, lists; and their schema."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

import marshmallow
from marshmallow import ValidationError

from ingest.catalog.values import Checked, Choice, Shape, did_you_mean
from ingest.references import dotted


class Closed(marshmallow.Schema):
    """A schema that refuses unknown keys and says which was probably meant."""

    error_messages = {"type": "must be a mapping of keys to values"}  # noqa: RUF012  # marshmallow's own shape

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **kwargs: Any) -> None:
        """Put a suggestion in the place of marshmallow's word on an unknown key."""
        known = [field.data_key or name for name, field in self.fields.items()]
        messages: Any = error.messages
        for key in messages.keys() - {*known, "_schema"}:
            messages[key] = [f"unknown key{did_you_mean(key, known)}"]


def messages_by_path(messages: Any, at: str = "") -> dict[str, str]:
    """Flatten marshmallow's nested messages: one text for each dotted path."""
    if not isinstance(messages, dict):
        return {at: "; ".join(str(message) for message in messages)}
    found: dict[str, str] = {}
    for key, inner in messages.items():
        found |= messages_by_path(inner, at if key == "_schema" else dotted(at, key))
    return found


def refuse(problems: Mapping[Any, Any], valid: Any) -> NoReturn:
    """Raise ValidationError with what was good so far, so that later checks can go on with it."""
    raise ValidationError(dict(problems), valid_data=valid)


class Group(Checked):
    """An object with a schema of its own."""

    def __init__(self, schema: type[Closed], description: str = "", **kwargs: Any) -> None:
        self.schema = schema
        super().__init__(description, **kwargs)

    def parse(self, value: Any) -> Any:
        """Return what the schema loads."""
        return self.schema().load(value)


class Short(Group):
    """A group whose only important key may stand alone: `symbol: string` is `symbol: {type: string}`."""

    def __init__(self, schema: type[Closed], key: str, description: str = "", **kwargs: Any) -> None:
        self.key = key
        super().__init__(schema, description, **kwargs)

    def parse(self, value: Any) -> Any:
        """Return what the schema loads, from the short form too."""
        return super().parse({self.key: value} if isinstance(value, str) else value)


class Entries(Checked):
    """A mapping of checked names to values of one kind."""

    def __init__(self, keys: Checked, values: Checked, description: str = "", **kwargs: Any) -> None:
        self.keys, self.values = keys, values
        super().__init__(description, **kwargs)

    def loaded_default(self, default: Any) -> Any:
        """Make a mapping of its own for each file."""
        return dict

    def parse(self, value: Any) -> dict[str, Any]:
        """Return the entries; every wrong one is reported."""
        if not isinstance(value, dict):
            raise ValidationError("must be a mapping of names to values")
        loaded: dict[str, Any] = {}
        problems: dict[str, Any] = {}
        for name, entry in value.items():
            try:
                loaded[self.keys.parse(name)] = self.values.deserialize(entry)
            except ValidationError as error:
                problems[name] = error.messages
        return refuse(problems, loaded) if problems else loaded


class Many(Checked):
    """A list of values of one kind, as a tuple."""

    def __init__(self, inner: Checked, description: str = "", **kwargs: Any) -> None:
        self.inner = inner
        super().__init__(description, **kwargs)

    def parse(self, value: Any) -> tuple[Any, ...]:
        """Return the values; there is at least one, and none is there twice."""
        if not isinstance(value, list) or not value:
            raise ValidationError("must be a list with at least one value")
        loaded: list[Any] = []
        for number, item in enumerate(value):
            try:
                loaded.append(self.inner.deserialize(item))
            except ValidationError as error:
                refuse({number: error.messages}, None)
        if len(set(loaded)) < len(loaded):
            raise ValidationError("holds the same value twice")
        return tuple(loaded)


class OneOrMany(Many):
    """A value or a list of them, as a tuple."""

    def parse(self, value: Any) -> tuple[Any, ...]:
        """Return the values."""
        return super().parse(value if isinstance(value, list) else [value])


class TrueOrMany(Many):
    """true, or a list of values."""

    def parse(self, value: Any) -> Any:
        """Return True or the values."""
        return True if value is True else super().parse(value)


class Variant(Checked):
    """An object whose `type`, or another key, chooses its schema."""

    def __init__(
        self,
        schemas: Mapping[str, type[Closed]],
        description: str = "",
        *,
        chosen_by: str = "type",
        **kwargs: Any,
    ) -> None:
        self.schemas, self.chosen_by = schemas, chosen_by
        super().__init__(description, **kwargs)

    def parse(self, value: Any) -> Any:
        """Return what the chosen schema loads, the choice included."""
        key = self.chosen_by
        if not isinstance(value, dict) or key not in value:
            a_key = "a type" if key == "type" else f"the key {key}"
            raise ValidationError(f"must be a mapping with {a_key}: {', '.join(self.schemas)}")
        try:
            chosen = Choice(self.schemas).parse(value[key])
        except ValidationError as error:
            raise ValidationError({key: error.messages}) from error
        return self.schemas[chosen]().load(value)


class Options(Variant):
    """An object whose schema the key `kind` beside it chooses; left alone while that is wrong."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        kind = data.get("kind")
        if not isinstance(kind, str) or kind not in self.schemas:
            return marshmallow.missing
        return self.schemas[kind]().load(value)


class Json(Checked):
    """Any JSON object or list."""

    def parse(self, value: Any) -> Any:
        """Return the value; numbers with a point as floats, which is what JSON libraries write."""
        if not isinstance(value, dict | list):
            raise ValidationError("must be a JSON object or list")
        return _with_floats(value)

    def describe(self) -> Shape:
        """Objects and lists."""
        return {"type": ["object", "array"]}


def _with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_floats(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value
