"""The marshmallow fields whose verdict on a value is final, and whose message a reject shows.

Each takes the text of one cell (or a list or object, where the record holds one) and gives the Python
value that belongs into the column. `ingest.normalize.accept` may accept rows in bulk, but only those that
these fields accept, with equal values: a property test holds the two together. Here stand what all types
share and the short types; `numbers`, `times` and `documents` hold the others.
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import marshmallow
from marshmallow import ValidationError

from ingest.declared import Mapping

UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TRUE, FALSE = {"true", "t", "yes", "y", "1", "on"}, {"false", "f", "no", "n", "0", "off"}


@dataclass(frozen=True)
class Reason:
    """Why a value was refused: a code that never changes, and a message for people."""

    code: str
    message: str


REQUIRED = Reason("required", "is required, but there is no value")


def refuse(code: str, message: str) -> ValidationError:
    """Return the error for marshmallow to collect."""
    return ValidationError([Reason(code, message)])


def shown(value: Any) -> str:
    """A value as a message shows it: quoted, and cut when long."""
    text = repr(str(value))
    return text if len(text) <= 80 else text[:77] + "…'"


class Text(marshmallow.fields.Field[Any]):
    """Base of all types: text without NUL. `mapping` holds the parse options of the source."""

    default_error_messages = {"required": [REQUIRED], "null": [REQUIRED]}  # noqa: RUF012  # marshmallow's shape

    def __init__(self, mapping: Mapping, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mapping = mapping

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return self.parse(plain_text(value))

    def parse(self, text: str) -> Any:
        """Return the value of the text. Raises ValidationError."""
        return text


def plain_text(value: Any) -> str:
    """Return the value if it is text that UTF-8 and PostgreSQL can hold. Raises ValidationError."""
    if not isinstance(value, str):
        raise refuse("not_text", f"is a {type(value).__name__}, not a single value: {shown(value)}")
    if "\x00" in value:
        raise refuse("nul_in_text", "holds a NUL character, which PostgreSQL text cannot")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise refuse("lone_surrogate", "holds half of a surrogate pair, which is no character") from error
    return str(value)


class BooleanText(Text):
    """true, t, yes, y, 1, on and their opposites, in any case."""

    def parse(self, text: str) -> bool:
        word = text.lower()
        if word not in TRUE | FALSE:
            raise refuse("not_a_boolean", f"is neither true nor false: {shown(text)}")
        return word in TRUE


class UuidText(Text):
    """A UUID in its five groups."""

    def parse(self, text: str) -> UUID:
        if not UUID_TEXT.fullmatch(text):
            raise refuse("not_a_uuid", f"is not a UUID: {shown(text)}")
        return UUID(text)
