"""JSON whose numbers stay text: no float, no rounding, no limit of digits."""

import json
from typing import Any


class Number(str):
    """A JSON number by its literal text, so that 1.10 and 12345678901234567890.5 arrive as they were sent."""

    __slots__ = ()


def parse(body: bytes) -> Any:
    """Parse UTF-8 JSON; numbers, NaN and Infinity too, become `Number`. Raises ValueError."""
    try:
        return json.loads(body, parse_float=Number, parse_int=Number, parse_constant=Number)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def dump(value: Any) -> str:
    """Write a parsed value back as compact JSON, its keys in order and its numbers as they were sent."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(item) for item in value) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def canonical(value: Any) -> str:
    """Write a parsed value with its keys sorted, so that equal values have equal texts."""
    return dump(_sorted(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
