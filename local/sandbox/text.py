"""JSON text in which every Decimal stands as its own digits, so that no value is rounded on the way out."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Number = Callable[[Decimal], str]


def plain(value: Decimal) -> str:
    """All digits without an exponent and without trailing zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def tiny(value: Decimal, *, below: int, width: int) -> str:
    """Plain digits, but an exponent of at least `width` digits under 10^-below: 8.616e-05."""
    if value.is_zero() or value.adjusted() >= -below:
        return plain(value)
    power = value.adjusted()
    return f"{plain(value.scaleb(-power))}e-{abs(power):0{width}d}"


def encode(value: Any, number: Number) -> str:
    """The value as JSON text; `number` decides how a Decimal is written."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)}:{encode(item, number)}" for key, item in value.items()
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(encode(item, number) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def decode(text: str | bytes) -> Any:
    """The JSON text as Python values; numbers with a point or an exponent become exact Decimals."""
    return json.loads(text, parse_float=Decimal)
