"""JSON values: canonical text that jsonb holds."""

from decimal import Decimal
from typing import Any

from ingest import json_text
from ingest.normalize.numbers import MOST_DIGITS, NUMBER
from ingest.normalize.verdict import Text, plain_text, refuse, shown

DEEPEST_JSON = 100


class JsonText(Text):
    """An object, a list, or JSON text; given back as canonical JSON text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return _canonical_json(json_text.parse(value.encode()) if isinstance(value, str) else value)
        except RecursionError as error:
            raise refuse("not_json", "is nested too deeply") from error
        except ValueError as error:
            raise refuse("not_json", f"is not JSON: {error}") from error


def _canonical_json(parsed: Any) -> str:
    _check_json(parsed, DEEPEST_JSON)
    canonical = json_text.canonical(parsed)
    plain_text(canonical)
    return canonical


def _holds(number: str) -> bool:
    """Whether jsonb, which keeps numbers as numeric, holds the number and stays small."""
    if len(number) > MOST_DIGITS or not NUMBER.fullmatch(number):
        return False
    return abs(Decimal(number).adjusted()) <= MOST_DIGITS


def _check_json(value: Any, deepest: int) -> None:
    if deepest == 0:
        raise ValueError(f"nested deeper than {DEEPEST_JSON}")
    if isinstance(value, json_text.Number) and not _holds(value):
        raise ValueError(f"{shown(value)} is not a number that PostgreSQL holds")
    if isinstance(value, json_text.Ambiguous):
        names = ", ".join(sorted(map(shown, value.names)))
        raise refuse("repeated_name", f"gives {names} twice in one object, with different values")
    if isinstance(value, str):
        plain_text(str(value))
    if isinstance(value, dict):
        _check_json(list(value), deepest)
        _check_json(list(value.values()), deepest)
    if isinstance(value, list):
        for item in value:
            _check_json(item, deepest - 1)
