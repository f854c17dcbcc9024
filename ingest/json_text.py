"""JSON whose numbers stay text: no float, no rounding, no limit of digits."""

import json
from typing import Any


class Number(str):
    """A JSON number by its literal text, so that 1.10 and 12345678901234567890.5 arrive as they were sent."""

    __slots__ = ()


class TooDeep(ValueError):
    """JSON that is nested deeper than Python's parser goes."""


class RepeatedName(TypeError):
    """The value of a name was asked for that its object gives twice, and not equally."""


class Ambiguous(dict[str, Any]):
    """An object with such names. Who asks for another name, or for all that is in it, is not disturbed."""

    def __init__(self, found: dict[str, Any], names: set[str]) -> None:
        super().__init__(found)
        self.names = names

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name. Raises RepeatedName."""
        if name in self.names:
            raise RepeatedName(f"the name {name!r} is there twice, with different values")
        return super().get(name, default)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = {name for name, value in pairs if value != found[name]}
    return Ambiguous(found, names) if names else found


# Made once: to make one takes as long as to parse a short record.
_DECODER = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_object
)


def parse(body: bytes | str) -> Any:
    """Parse JSON; numbers, NaN and Infinity too, become `Number`. Raises ValueError.

    Of a name that an object gives twice the last value stands, as in most parsers: see `Ambiguous`.
    """
    # As json.loads does, for which half a surrogate pair is no reason to refuse all the others.
    text = body if isinstance(body, str) else body.decode(json.detect_encoding(body), "surrogatepass")
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise TooDeep("the JSON is nested too deeply") from error


def most_values(body: bytes) -> int:
    """No fewer values than the JSON holds, told from its bytes alone: each follows a comma or an opening."""
    return 1 + sum(map(body.count, (b",", b"[", b"{")))


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
