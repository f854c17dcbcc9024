"""`${NAME}` and `${NAME:-default}` inside the texts of a catalogue file, filled in from the environment.

References work in values only, never in keys. As in a shell, `:-` also stands in for an empty variable,
and what a variable holds is not searched again. `$${` is a literal `${`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{")


class Substituted(str):
    """A text with its references filled in. Its repr is what the file says, for it may be a secret."""

    written: str

    def __new__(cls, text: str, written: str = "") -> "Substituted":
        """Return the text, to be shown as it was written."""
        made = super().__new__(cls, text)
        made.written = written
        return made

    def __repr__(self) -> str:
        return repr(self.written)


def shown(value: object) -> str:
    """A value of a catalogue file as a message may show it: no secret, and cut when long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…'"


def dotted(at: str, key: object) -> str:
    """The path of a key inside the thing at another path."""
    return f"{at}.{key}" if at else str(key)


@dataclass
class References:
    """Fills references in, and gathers the names asked for and what went wrong, by path in the file."""

    environ: Mapping[str, str] = field(repr=False)
    names: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)

    def fill(self, data: Any, at: str = "") -> Any:
        """Return the data with its references filled in; one that cannot be stays as it is written."""
        if isinstance(data, dict):
            return {key: self.fill(value, dotted(at, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [self.fill(value, dotted(at, number)) for number, value in enumerate(data)]
        return self._text(data, at) if isinstance(data, str) and "${" in data else data

    def _text(self, written: str, at: str) -> Substituted:
        return Substituted(REFERENCE.sub(lambda found: self._value(found, at), written), written)

    def _value(self, found: re.Match[str], at: str) -> str:
        name, default = found["name"], found["default"]
        if name is None:
            return "${" if found[0] == "$${" else self._wrong(found, at, "malformed reference; write ${NAME}")
        self.names.add(name)
        value = self.environ.get(name)
        if default is not None:
            return value or default
        return self._wrong(found, at, f"{name} is not set and has no default") if value is None else value

    def _wrong(self, found: re.Match[str], at: str, message: str) -> str:
        self.problems[at] = f"{self.problems[at]}; {message}" if at in self.problems else message
        return found[0]
