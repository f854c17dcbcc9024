"""Texts of catalogue files that mean something to somebody else, checked by whoever will read them:
JMESPath, regular expressions, cron, time zones and formats, encodings, files.
"""

import codecs
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Any, ClassVar
from zoneinfo import available_timezones

import jmespath
import polars as pl
from cronsim import CronSim, CronSimError
from jmespath.exceptions import JMESPathError
from marshmallow import ValidationError

from ingest.catalog.values import Filled, Shape, Text, did_you_mean
from ingest.normalize.constraints import whole
from ingest.references import shown

# Any whole second does: it only has to come back from text.
SAMPLE = datetime(2001, 12, 30, 23, 58, 59, tzinfo=UTC)
zones = cache(available_timezones)
# Functions and comparisons of JMESPath that fail or select nothing where numbers are texts.
OF_NUMBERS = frozenset(
    ("sum", "avg", "max", "min", "sort", "sort_by", "max_by", "min_by", "abs", "ceil", "floor", "to_number")
)
AS_TEXT = (
    "numbers travel as text here so that no digit is lost: filter by the API's own parameters, or set "
    "records aside by the rules of the fields"
)


def check_path(text: str) -> str:
    """Return the text if it is a JMESPath expression. Raises ValidationError."""
    try:
        parsed = jmespath.compile(text).parsed
    except JMESPathError as error:
        raise ValidationError(f"{shown(text)} is not a JMESPath expression") from error
    if part := next(filter(None, map(_counts, _nodes(parsed))), None):
        raise ValidationError(f"{shown(text)} {part}; {AS_TEXT}")
    return text


def _nodes(node: Any) -> Iterator[Any]:
    """The node of a parsed expression, and all below it."""
    yield node
    for child in node["children"]:
        # Those of a slice are numbers.
        if isinstance(child, dict):
            yield from _nodes(child)


def _counts(node: Any) -> str | None:
    """What is wrong with a node that wants a number where a record has its text."""
    if node["type"] == "function_expression" and node["value"] in OF_NUMBERS:
        return f"calls {node['value']}()"
    if node["type"] != "comparator":
        return None
    literal = [_holds_number(side) for side in node["children"]]
    if all(number or _is_length(side) for number, side in zip(literal, node["children"], strict=True)):
        return None
    if any(literal):
        return "compares with a number"
    return "compares by size" if node["value"] not in ("eq", "ne") else None


def _holds_number(node: Any) -> bool:
    value = node.get("value")
    return node["type"] == "literal" and isinstance(value, int | float) and not isinstance(value, bool)


def _is_length(node: Any) -> bool:
    return node["type"] == "function_expression" and bool(node["value"] == "length")


class Path(Text):
    """A JMESPath expression."""

    def check(self, text: str) -> Any:
        """Return the expression if it compiles."""
        return check_path(text)


class Pattern(Text):
    """A regular expression in the syntax of Rust's regex, whose time is linear."""

    def check(self, text: str) -> Any:
        """Return the pattern if it compiles, alone and bound to the whole text."""
        try:
            pl.Series([""]).str.contains(text)
            pl.Series([""]).str.contains(whole(text))
        except pl.exceptions.ComputeError as error:
            reason = "not a pattern that runs in linear time (no look-around, no back-references)"
            raise ValidationError(f"{shown(text)} is {reason}") from error
        return text


class Cron(Text):
    """Five cron fields, in UTC."""

    def check(self, text: str) -> Any:
        """Return the expression if it means some time."""
        try:
            next(CronSim(text, SAMPLE))
        except (CronSimError, StopIteration) as error:
            raise ValidationError(
                f'{shown(text)} is not a cron expression; "0 * * * *" is every hour'
            ) from error
        return text


class Zone(Text):
    """An IANA time zone."""

    def check(self, text: str) -> Any:
        """Return the zone's name if it is known."""
        if text not in zones():
            near = did_you_mean(text, zones()).partition("; known")[0]
            raise ValidationError(f"{shown(text)} is not a time zone{near}")
        return text


class TimeFormat(Text):
    """epoch, epoch_ms, or a strptime format that holds a whole day."""

    def check(self, text: str) -> Any:
        """Return the format if a time survives the way to text and back."""
        if text in ("epoch", "epoch_ms") or _keeps_the_day(text):
            return text
        raise ValidationError(f"{shown(text)} is neither epoch, epoch_ms nor a format like %d-%m-%Y %H:%M:%S")


def _keeps_the_day(format: str) -> bool:
    # strptime warns of a format without a year before one can ask it.
    if not any(year in format for year in ("%Y", "%y", "%G", "%c", "%x")):
        return False
    try:
        return datetime.strptime(SAMPLE.strftime(format), format).date() == SAMPLE.date()  # noqa: DTZ007  # only the day counts
    except ValueError:
        return False


class Codec(Text):
    """A text encoding that Python knows."""

    def check(self, text: str) -> Any:
        """Return the encoding if it is known and turns bytes into text."""
        try:
            "a".encode(codecs.lookup(text).name)
        except (LookupError, ValueError) as error:
            raise ValidationError(f"{shown(text)} is not a text encoding") from error
        return text


class Character(Text):
    """One ASCII character."""

    shape: ClassVar[Shape] = {"type": "string", "minLength": 1, "maxLength": 1}

    def check(self, text: str) -> Any:
        """Return the character if it can part fields."""
        if len(text) != 1 or not text.isascii() or text in "\r\n\x00":
            raise ValidationError("must be one ASCII character, and no line end")
        return text


class FilePath(Filled):
    """A path or glob below the root of files."""

    def check(self, text: str) -> Any:
        """Return the path if it cannot lead out of the root."""
        path = PurePosixPath(super().check(text))
        if path.is_absolute() or ".." in path.parts or "\\" in text or "\x00" in text:
            raise ValidationError(f"{shown(text)} must be relative to FILES_ROOT, with / and without ..")
        return text
