"""The fast path: vectorised checks that turn columns of text into canonical text.

Each function takes a column of cleaned text and gives the canonical text of the values that are
certainly right, null for all others. Null means "ask marshmallow", never "refused". What is canonical is
what `ingest.normalize.fields` would write for the value that `ingest.normalize.verdict` gives.
"""

import re

import polars as pl

from ingest.declared import Field, Mapping

# Longer numbers are rare, and their ranges need care: they go the slow way.
PLAIN_NUMBER = r"^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,40})?$"
# 15 significant digits survive the way through double precision unchanged.
SHORT_NUMBER = r"^-?(0|[1-9][0-9]{0,7})(\.[0-9]{1,7})?$"
PLAIN_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"
PLAIN_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
UTC_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?$"
UTC_MARK = r"(Z|\+00:00| UTC)$"
FIXED_WIDTH = {
    "%Y": "[0-9]{4}",
    "%m": "[0-9]{2}",
    "%d": "[0-9]{2}",
    "%H": "[0-9]{2}",
    "%M": "[0-9]{2}",
    "%S": "[0-5][0-9]",
}
CANONICAL_TIME = "%Y-%m-%dT%H:%M:%S%.6f+00:00"


def _where(text: pl.Expr, condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(text).otherwise(None)


def string(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """Any text without NUL."""
    return _where(text, ~text.str.contains("\x00", literal=True))


def _stripped(text: pl.Expr) -> pl.Expr:
    """Drop the zeros after the point; the sign of a zero goes as well."""
    fraction = text.str.contains(".", literal=True)
    short = pl.when(fraction).then(text.str.strip_chars_end("0").str.strip_chars_end(".")).otherwise(text)
    return pl.when(short == "-0").then(pl.lit("0")).otherwise(short)


def decimal(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """Plain decimal notation; a comma or point that may mean something else goes the slow way."""
    if mapping.decimal_comma:
        return _where(_stripped(text), text.str.contains(PLAIN_INTEGER))
    return _where(_stripped(text), text.str.contains(PLAIN_NUMBER))


def integer(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """Up to 18 digits."""
    return _where(text, text.str.contains(PLAIN_INTEGER))


def floating(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """Up to 15 significant digits in plain notation."""
    if mapping.decimal_comma:
        return pl.lit(None, pl.String)
    return _where(_stripped(text), text.str.contains(SHORT_NUMBER))


def boolean(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """The words true and false."""
    return _where(text, text.is_in(["true", "false"]))


def uuid(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """Lower-case UUIDs."""
    return _where(text, text.str.contains(PLAIN_UUID))


def date(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """ISO 8601 days from year 1 on."""
    if mapping.format:
        return pl.lit(None, pl.String)
    real = text.str.to_date("%Y-%m-%d", strict=False).is_not_null() & ~text.str.starts_with("0000")
    return _where(text, text.str.contains(DAY) & real)


def datetime(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """ISO 8601 in UTC or in the declared zone, and formats of fixed width."""
    if mapping.format is not None:
        return _formatted_time(text, mapping)
    utc, naive = (
        text.str.contains(UTC_MARK),
        text.str.replace(UTC_MARK, "").str.replace(" ", "T", literal=True),
    )
    fits = naive.str.contains(UTC_TIME) & ~naive.str.starts_with("0000")
    instant = naive.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    in_utc = _where(instant.dt.strftime(CANONICAL_TIME), fits & utc)
    return (
        in_utc
        if mapping.zone is None
        else pl.coalesce(in_utc, _where(_zoned(instant, mapping.zone), fits & ~utc))
    )


def _zoned(instant: pl.Expr, zone: str) -> pl.Expr:
    """Naive local times in UTC; those that daylight saving doubles or skips become null.

    polars knows the rules of daylight saving for these years only; it has none after 2099.
    """
    instant = pl.when(instant.dt.year().is_between(1970, 2099)).then(instant)
    local = instant.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    return local.dt.convert_time_zone("UTC").dt.strftime(CANONICAL_TIME)


def _formatted_time(text: pl.Expr, mapping: Mapping) -> pl.Expr:
    assert mapping.format is not None
    pattern = fixed_width_pattern(mapping.format)
    if pattern is None or mapping.zone is None:
        return pl.lit(None, pl.String)
    instant = text.str.to_datetime(mapping.format, time_unit="us", strict=False)
    return _where(_zoned(instant, mapping.zone), text.str.contains(pattern))


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


def never(text: pl.Expr, field: Field, mapping: Mapping) -> pl.Expr:
    """Nothing is certain without a closer look."""
    return pl.lit(None, pl.String)
