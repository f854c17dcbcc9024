"""The marshmallow fields that catalogue files are made of.

Each says what it takes (`parse`), what an editor should know (`shape`, `description`) and which default
a file may leave out, written as in a file. No message shows a value that came from the environment.
"""

import difflib
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

import marshmallow
from marshmallow import ValidationError

from ingest.references import shown

Shape = dict[str, Any]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, or all when none is near."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


class Checked(marshmallow.fields.Field[Any]):
    """Base of all. A `default` is written as in a file; None means that nothing is there."""

    shape: ClassVar[Shape] = {}

    def __init__(self, description: str = "", *, default: Any = marshmallow.missing, **kwargs: Any) -> None:
        if default is not marshmallow.missing:
            kwargs["load_default"] = self.loaded_default(default)
        super().__init__(**kwargs, metadata={"description": description, "default": default})

    def loaded_default(self, default: Any) -> Any:
        """Return what the default loads as."""
        return None if default is None else self.parse(default)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return self.parse(value)

    def parse(self, value: Any) -> Any:
        """Return the value that a file's value stands for. Raises ValidationError."""
        raise NotImplementedError

    def describe(self) -> Shape:
        """The JSON Schema of the field's own value."""
        return dict(self.shape)


class Text(Checked):
    """Text, not empty unless a subclass says so."""

    shape: ClassVar[Shape] = {"type": "string"}

    def parse(self, value: Any) -> Any:
        """Return the text, masked as it came."""
        if not isinstance(value, str):
            raise ValidationError("must be text; put it in quotes")
        return self.check(value)

    def check(self, text: str) -> Any:
        """Return what the text stands for. Raises ValidationError."""
        return text


class Filled(Text):
    """Text that is not empty."""

    shape: ClassVar[Shape] = {"type": "string", "minLength": 1}

    def check(self, text: str) -> Any:
        """Return the text if there is any."""
        if not text:
            raise ValidationError("must not be empty")
        return text


class Scalar(Checked):
    """A single value, kept as text."""

    shape: ClassVar[Shape] = {"type": ["string", "number", "boolean"]}

    def parse(self, value: Any) -> str:
        """Return the value's text; a number's is as written."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | Decimal):
            return str(value)
        if not isinstance(value, str):
            raise ValidationError("must be a single value")
        return value


class Name(Text):
    """A name: it becomes part of table names, URLs and logs."""

    pattern: ClassVar[str] = "[a-z][a-z0-9_]{0,40}"
    shape: ClassVar[Shape] = {"type": "string", "pattern": f"^{pattern}$"}

    def check(self, text: str) -> Any:
        """Return the name if it is one."""
        if not re.fullmatch(self.pattern, text):
            raise ValidationError(
                "a name has small letters, digits and _, starts with a letter, at most 41 in all"
            )
        return text


class FreeName(Name):
    """A name that is not taken, and that no operator of a query (`price__gt`) can be mistaken for."""

    def __init__(self, taken: frozenset[str]) -> None:
        self.taken = taken
        super().__init__()

    def check(self, text: str) -> Any:
        """Return the name if it is free."""
        name = super().check(text)
        if name in self.taken or "__" in name:
            raise ValidationError(f"the name {name} is reserved; choose another")
        return name


class Whole(Checked):
    """A whole number between bounds."""

    def __init__(self, description: str, *, least: int = 0, most: int = 10**9, **kwargs: Any) -> None:
        self.least, self.most = least, most
        super().__init__(description, **kwargs)

    def parse(self, value: Any) -> int:
        """Return the number; digits that a reference brought will do."""
        digits = isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value, re.ASCII)
        if isinstance(value, bool) or not (isinstance(value, int) or digits):
            raise ValidationError("must be a whole number")
        if not self.least <= int(value) <= self.most:
            raise ValidationError(f"must be from {self.least} to {self.most}")
        return int(value)

    def describe(self) -> Shape:
        """The number and its bounds."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Toggle(Checked):
    """true or false."""

    shape: ClassVar[Shape] = {"type": "boolean"}

    def parse(self, value: Any) -> bool:
        """Return the boolean; a word that a reference brought will do."""
        if isinstance(value, bool):
            return value
        if value not in ("true", "false"):
            raise ValidationError("must be true or false")
        return bool(value == "true")


class Choice(Text):
    """One of some words."""

    def __init__(self, words: Iterable[str], description: str = "", **kwargs: Any) -> None:
        self.words = tuple(words)
        super().__init__(description, **kwargs)

    def check(self, text: str) -> Any:
        """Return the word if it is one of them."""
        if text not in self.words:
            raise ValidationError(f"{shown(text)} is unknown{did_you_mean(text, self.words)}")
        return text

    def describe(self) -> Shape:
        """The words."""
        return {"type": "string", "enum": list(self.words)}
