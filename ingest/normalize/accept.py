"""The fast path: vectorised checks that turn columns of text into canonical text.

Each function takes a column of cleaned text and gives the ways in which a value is certainly right: a
condition, and the canonical text where it holds. Where none holds marshmallow is asked; nothing is refused
here. What is canonical is what `ingest.normalize.fields` would write for the value that
`ingest.normalize.verdict` gives.
"""

import re
from typing import Any

import polars as pl

from ingest.declared import Field, Mapping

# Longer numbers are rare, and their ranges need care: they go the slow way.
DECIMAL = r"^(0|-?([1-9][0-9]{0,30}(\.[0-9]{0,39}[1-9])?|0\.[0-9]{0,39}[1-9]))$"
PADDED_DECIMAL = r"^(-?[1-9][0-9]{0,30}|0)\.[0-9]{1,40}$"
# 15 significant digits survive the way through double precision unchanged.
SHORT = r"^(0|-?([1-9][0-9]{0,7}(\.[0-9]{0,6}[1-9])?|0\.[0-9]{0,6}[1-9]))$"
PADDED_SHORT = r"^(-?[1-9][0-9]{0,7}|0)\.[0-9]{1,7}$"
PLAIN_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"
PLAIN_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
YEAR = "[0-9]{4}"
LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
MONTH_AND_DAY = "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
REAL_DAY = f"({YEAR}-{MONTH_AND_DAY}|{LEAP_YEAR}-02-29)"
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
DAY = f"^{REAL_DAY}$"
LOCAL_TIME = f"^{REAL_DAY}[T ]{CLOCK}$"
UTC_TIME = rf"^{REAL_DAY}[T ]{CLOCK}(Z|\+00:00| UTC)$"
YEAR_ZERO = "0000"
FIXED_WIDTH = {
    "%Y": "[0-9]{4}",
    "%m": "[0-9]{2}",
    "%d": "[0-9]{2}",
    "%H": "[0-9]{2}",
    "%M": "[0-9]{2}",
    "%S": "[0-5][0-9]",
}
CANONICAL_TIME = "%Y-%m-%dT%H:%M:%S%.6f+00:00"


Ways = list[tuple[pl.Expr, pl.Expr]]


def first_of(ways: Ways) -> pl.Expr:
    """The text of the first way whose condition holds; null where none does."""
    chain: Any = pl
    for holds, text in ways:
        chain = chain.when(holds).then(text)
    return chain if ways else pl.lit(None, pl.String)


def string(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """Any text without NUL."""
    return [(~text.str.contains("\x00", literal=True), text)]


def _number(text: pl.Expr, canonical: str, padded: str) -> Ways:
    """Most numbers are canonical as they are; of the others the zeros after the point are dropped."""
    short = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return [(text.str.contains(canonical), text), (text.str.contains(padded), short)]


def decimal(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """Plain decimal notation; a comma or point that may mean something else goes the slow way."""
    return integer(text, field, mapping) if mapping.decimal_comma else _number(text, DECIMAL, PADDED_DECIMAL)


def integer(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """Up to 18 digits."""
    return [(text.str.contains(PLAIN_INTEGER), text)]


def floating(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """Up to 15 significant digits in plain notation."""
    return [] if mapping.decimal_comma else _number(text, SHORT, PADDED_SHORT)


def boolean(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """The words true and false."""
    return [(text.is_in(["true", "false"]), text)]


def uuid(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """Lower-case UUIDs."""
    return [(text.str.contains(PLAIN_UUID), text)]


def date(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """ISO 8601 days from year 1 on."""
    return [] if mapping.format else [(text.str.contains(DAY) & _real_year(text), text)]


def datetime(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """ISO 8601 in UTC or in the declared zone, and formats of fixed width."""
    if mapping.format is not None:
        return _formatted_time(text, mapping)
    in_utc = text.str.contains(UTC_TIME) & _real_year(text), _utc(text)
    if mapping.zone is None:
        return [in_utc]
    naive = text.str.replace(" ", "T", literal=True)
    instant = naive.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    return [in_utc, (text.str.contains(LOCAL_TIME) & _real_year(text), _zoned(instant, mapping.zone))]


def _real_year(text: pl.Expr) -> pl.Expr:
    return ~text.str.starts_with(YEAR_ZERO)


def _utc(text: pl.Expr) -> pl.Expr:
    """The canonical form of what matches `UTC_TIME`: nothing is computed, only written in another way."""
    day, clock = text.str.slice(0, 10), text.str.slice(11, 8)
    # With the zone (Z, UTC or +00:00) go zeros at the end of the fraction, which padding puts back.
    padded = text.str.slice(20).str.strip_chars_end(" UTCZ+0:").str.pad_end(6, "0")
    return pl.concat_str([day, pl.lit("T"), clock, pl.lit("."), padded, pl.lit("+00:00")])


def _zoned(instant: pl.Expr, zone: str) -> pl.Expr:
    """Naive local times in UTC; those that daylight saving doubles or skips become null.

    polars knows the rules of daylight saving for these years only; it has none after 2099.
    """
    instant = pl.when(instant.dt.year().is_between(1970, 2099)).then(instant)
    local = instant.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    return local.dt.convert_time_zone("UTC").dt.strftime(CANONICAL_TIME)


def _formatted_time(text: pl.Expr, mapping: Mapping) -> Ways:
    assert mapping.format is not None
    pattern = fixed_width_pattern(mapping.format)
    if pattern is None or mapping.zone is None:
        return []
    instant = text.str.to_datetime(mapping.format, time_unit="us", strict=False)
    return [(text.str.contains(pattern), _zoned(instant, mapping.zone))]


def fixed_width_pattern(format: str) -> str | None:
    """The pattern of a format made of whole digit groups, or None where only strptime should judge."""
    parts = re.split(r"(%.)", format)
    directives = [part for part in parts if part.startswith("%")]
    if len(set(directives)) != len(directives) or not {"%Y", "%m", "%d"} <= set(directives) <= set(
        FIXED_WIDTH
    ):
        return None
    if any(part.isspace() is False and re.search(r"\s", part) for part in parts if not part.startswith("%")):
        return None
    return (
        "^" + "".join(FIXED_WIDTH[part] if part.startswith("%") else re.escape(part) for part in parts) + "$"
    )


def never(text: pl.Expr, field: Field, mapping: Mapping) -> Ways:
    """Nothing is certain without a closer look."""
    return []
