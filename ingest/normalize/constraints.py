"""What a dataset demands of a value beyond its type, once for bulk checks and once for marshmallow.

Bounds compare numbers as numbers and times as times; patterns must match the whole text and run on
Rust's regex engine, whose time is linear in the text (https://docs.rs/regex), both in bulk and alone.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl

from ingest.declared import Field
from ingest.normalize.verdict import refuse, shown

LONGEST_TEXT = 1_000_000
# PostgreSQL refuses index rows over 2,704 bytes, and with them the page. In jsonb, [1,1] takes up to
# eight times its text.
LONGEST_INDEXED = 2600
LONGEST_INDEXED_OF = {"string": LONGEST_INDEXED, "json": LONGEST_INDEXED // 8}


def satisfied(text: pl.Expr, field: Field) -> pl.Expr:
    """True where there is a canonical text that certainly satisfies the field; otherwise: ask marshmallow."""
    checks = [text.is_not_null()]
    if field.type in ("string", "json"):
        # There are no more characters than bytes, which need not be counted.
        checks.append(
            text.str.len_chars() <= field.max_length
            if field.max_length
            else text.str.len_bytes() <= LONGEST_TEXT
        )
    if field.index and field.type in LONGEST_INDEXED_OF:
        checks.append(text.str.len_bytes() <= LONGEST_INDEXED_OF[field.type])
    if field.min is not None:
        checks.append(_beyond(text, field, field.min, pl.Expr.gt))
    if field.max is not None:
        checks.append(_beyond(text, field, field.max, pl.Expr.lt))
    if field.one_of is not None:
        checks.append(text.is_in(list(field.one_of)))
    if field.pattern is not None:
        checks.append(text.str.contains(whole(field.pattern)))
    return pl.all_horizontal(checks)


def _beyond(text: pl.Expr, field: Field, bound: str, compare: Callable[[pl.Expr, Any], pl.Expr]) -> pl.Expr:
    """Rounding to float keeps the order, so a strict float comparison is certain; equality is of texts."""
    if field.type in ("date", "datetime"):
        return compare(text, pl.lit(bound)) | (text == bound)
    if compare is pl.Expr.gt and float(bound) == 0:
        return ~text.str.starts_with("-")
    return compare(text.cast(pl.Float64, strict=False), float(bound)) | (text == bound)


def whole(pattern: str) -> str:
    """The pattern, bound to the whole text."""
    return rf"\A(?:{pattern})\z"


def validators(field: Field, order: Callable[[Any], Any]) -> list[Callable[[Any], None]]:
    """The same demands, on values, for marshmallow. `order` makes a bound comparable with a value."""
    checks: list[Callable[[Any], None]] = []
    if field.type in ("string", "json"):
        checks.append(lambda value: _length(value, field.max_length or LONGEST_TEXT))
    if field.index and field.type in LONGEST_INDEXED_OF:
        checks.append(lambda value: _indexable(value, LONGEST_INDEXED_OF[field.type]))
    if field.min is not None:
        least = order(field.min)
        checks.append(lambda value: _least(value, least))
    if field.max is not None:
        most = order(field.max)
        checks.append(lambda value: _most(value, most))
    if field.one_of is not None:
        checks.append(lambda value: _member(value, field.one_of or ()))
    if field.pattern is not None:
        checks.append(lambda value: _matching(value, field.pattern or ""))
    return checks


def _length(value: str, most: int) -> None:
    if len(value) > most:
        raise refuse("too_long", f"has {len(value)} characters; at most {most} are allowed")


def _indexable(value: str, most: int) -> None:
    if (size := len(value.encode())) > most:
        raise refuse("too_long", f"has {size} bytes; an indexed field holds at most {most}")


def _least(value: Any, least: Any) -> None:
    if value < least:
        raise refuse("too_small", f"is {value}; at least {least} is allowed")


def _most(value: Any, most: Any) -> None:
    if value > most:
        raise refuse("too_large", f"is {value}; at most {most} is allowed")


def _member(value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise refuse("not_in_list", f"is {shown(value)}; allowed are {', '.join(allowed)}")


def _matching(value: str, pattern: str) -> None:
    if not pl.Series([value]).str.contains(whole(pattern)).item():
        raise refuse("pattern", f"does not match {pattern}: {shown(value)}")


def bound(type_name: str) -> Callable[[str], Any]:
    """How a declared bound of that type becomes comparable with the type's values."""
    from_text: dict[str, Callable[[str], Any]] = {"integer": int, "decimal": Decimal, "float": float}
    return from_text.get(type_name, str)
