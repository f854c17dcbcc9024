"""What records look like that are written alike: one pattern that takes all of them apart at once.

A shape is made of one record. It matches records with the same names in the same order and values of the
same sort, and it is narrower than JSON: whatever it matches is an object, gives no name twice where a path
leads, and has plain values at the paths. So a match needs no other parser, and what does not match is no
worse for it: it is parsed as if there were no shapes. Patterns run on Rust's regex engine, in linear time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ingest.json_text import Number

# A larger pattern, as for objects of fifty names, is slower than a parser: measured.
LONGEST_PATTERN = 5_000
# More names than this on the way to a value are nobody's data.
DEEPEST = 10

SPACE = r"[ \t\n\r]*"
LETTER = r'[^"\\\x00-\x1f]'
ASCII_LETTER = r"[ !#-\[\]-\x7f]"
INSIDE = rf'(?:{LETTER}|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{4}}))*'
TEXT = f'"{INSIDE}"'
NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
PLAIN = f"(?:{TEXT}|{NUMBER}|true|false|null)"
PAIR = f"{TEXT}{SPACE}:{SPACE}{PLAIN}{SPACE}"
FLAT = rf"\{{{SPACE}(?:{PAIR}(?:,{SPACE}{PAIR})*)?\}}"
# A name that is written without an escape means what it says. Rust's regex reads what Python's `re` escapes.
NAME = re.compile(r'[^"\\\x00-\x1f]*')

Place = tuple[str, ...]
# Stands for the elements of a list; no path has it.
NO_NAME = ""


class Shapeless(Exception):
    """The record has no shape that would be of use."""


@dataclass
class Shape:
    """The pattern, whose first group is there in every match; the others are the values at `paths`.

    Texts come without their quotes and null as no group, but at the paths of `literal`, whose sort the record
    did not tell.
    """

    pattern: str = ""
    paths: list[str] = field(default_factory=list)
    literal: set[str] = field(default_factory=set)

    @property
    def ascii_pattern(self) -> str:
        """The pattern for texts of ASCII alone, in three quarters of the time (measured)."""
        return self.pattern.replace(LETTER, ASCII_LETTER)


def shape_of(record: Any, paths: Iterable[str]) -> Shape:
    """The shape of records like this one. Raises Shapeless."""
    if type(record) is not dict:
        raise Shapeless
    shape = Shape()
    wanted = {tuple(path.split(".")) for path in paths}
    leading = {place[:length] for place in wanted for length in range(len(place))}
    inner = _Maker(shape, wanted, leading).members(record, ())
    shape.pattern = rf"\A{SPACE}(\{{){SPACE}{inner}\}}{SPACE}\z"
    if len(shape.pattern) > LONGEST_PATTERN:
        raise Shapeless
    return shape


@dataclass(frozen=True)
class _Maker:
    """Makes the pattern and notes the paths of its groups. `leading` are the places that paths pass."""

    shape: Shape
    wanted: set[Place]
    leading: set[Place]

    def members(self, found: dict[str, Any], at: Place) -> str:
        if not all(map(NAME.fullmatch, found)):
            raise Shapeless
        pairs = (
            f'"{re.escape(name)}"{SPACE}:{SPACE}{self.value(value, (*at, name))}{SPACE}'
            for name, value in found.items()
        )
        return f",{SPACE}".join(pairs)

    def value(self, value: Any, at: Place) -> str:
        if len(at) > DEEPEST:
            raise Shapeless
        if at in self.wanted:
            return self.group(value, ".".join(at))
        if at in self.leading:
            return self.object(value, at) if isinstance(value, dict) else _plain_or_null(value)
        return self.unasked(value, at)

    def object(self, value: dict[str, Any], at: Place) -> str:
        return rf"\{{{SPACE}{self.members(value, at)}\}}"

    def unasked(self, value: Any, at: Place) -> str:
        """The pattern of a value to which no path leads: lists of any length, flat objects of any names."""
        if isinstance(value, dict):
            flat = not any(isinstance(each, dict | list) for each in value.values())
            return f"(?:{FLAT if flat else self.object(value, at)}|null)"
        if isinstance(value, list):
            nested = value and isinstance(value[0], dict | list)
            each = f"{self.value(value[0], (*at, NO_NAME)) if nested else PLAIN}{SPACE}"
            return rf"(?:\[{SPACE}(?:{each}(?:,{SPACE}{each})*)?\]|null)"
        return _plain_or_null(value)

    def group(self, value: Any, path: str) -> str:
        self.shape.paths.append(path)
        plain = _plain(value)
        if plain == PLAIN:
            self.shape.literal.add(path)
            return f"({PLAIN})"
        return f'(?:"({INSIDE})"|null)' if plain == TEXT else f"(?:({plain})|null)"


def _plain(value: Any) -> str:
    """The pattern of plain values of its sort; of all plain values, where it has none."""
    if isinstance(value, Number):
        return NUMBER
    if isinstance(value, str):
        return TEXT
    return "true|false" if isinstance(value, bool) else PLAIN


def _plain_or_null(value: Any) -> str:
    return f"(?:{_plain(value)}|null)"
