"""How values are written, one form everywhere: exact numbers, instants in UTC with a Z."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from flask.json.provider import JSONProvider

from ingest.json_text import Number, dump

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_NON_STR_KEYS


def json_bytes(value: Any) -> bytes:
    """Write JSON; decimals are numbers with all their digits."""
    return orjson.dumps(value, default=_other, option=OPTIONS)


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    if isinstance(value, Number):
        return orjson.Fragment(value.encode())
    for kind in (str, dict, list, int):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def plain(value: Decimal) -> str:
    """A decimal in plain notation, as JSON and CSV show it."""
    return format(value, "f")


def text_of(value: Any) -> str | None:
    """A value as a CSV cell; the same text as in JSON, without the quotes. Null is an empty cell."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return dump(value) if isinstance(value, dict | list) else str(value)


class ExactJson(JSONProvider):
    """Flask's JSON by orjson: no float on the way of a decimal."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write JSON text; formatting options do not apply."""
        return json_bytes(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON text."""
        return json.loads(s)
