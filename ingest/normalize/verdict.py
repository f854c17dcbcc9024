"""The marshmallow fields whose verdict on a value is final, and whose message a reject shows.

Each takes the text of one cell (or a list or object, where the record holds one) and gives the Python
value that belongs into the column. `ingest.normalize.accept` may accept rows in bulk, but only those that
these fields accept, with equal values: a property test holds the two together.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import marshmallow
from marshmallow import ValidationError

from ingest import json_text
from ingest.declared import Mapping

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d+(\.0*)?", re.ASCII)
MONEY = re.compile(
    r"([-+]?)\s*(?:[A-Z]{3}\s*)?[$€£¥]?\s*([-+]?[\d.,]+)\s*([kKmMbBtT]?)\s*(?:[A-Z]{3}|[$€£¥])?", re.ASCII
)
SCALE = {"": "", "k": "e3", "m": "e6", "b": "e9", "t": "e12"}
GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
ISO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s?(Z|UTC|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TRUE, FALSE = {"true", "t", "yes", "y", "1", "on"}, {"false", "f", "no", "n", "0", "off"}

# numeric holds more, but a nine-byte literal could then fill megabytes: 1e131071.
MOST_DIGITS = 1000
DEEPEST_JSON = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Reason:
    """Why a value was refused: a code that never changes, and a message for people."""

    code: str
    message: str


REQUIRED = Reason("required", "is required, but there is no value")


def refuse(code: str, message: str) -> ValidationError:
    """Return the error for marshmallow to collect."""
    return ValidationError([Reason(code, message)])


def shown(value: Any) -> str:
    """A value as a message shows it: quoted, and cut when long."""
    text = repr(str(value))
    return text if len(text) <= 80 else text[:77] + "…'"


class Text(marshmallow.fields.Field[Any]):
    """Base of all types: text without NUL. `mapping` holds the parse options of the source."""

    default_error_messages = {"required": [REQUIRED], "null": [REQUIRED]}  # noqa: RUF012  # marshmallow's shape

    def __init__(self, mapping: Mapping, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mapping = mapping

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return self.parse(plain_text(value))

    def parse(self, text: str) -> Any:
        """Return the value of the text. Raises ValidationError."""
        return text


def plain_text(value: Any) -> str:
    """Return the value if it is text that UTF-8 and PostgreSQL can hold. Raises ValidationError."""
    if not isinstance(value, str):
        raise refuse("not_text", f"is a {type(value).__name__}, not a single value: {shown(value)}")
    if "\x00" in value:
        raise refuse("nul_in_text", "holds a NUL character, which PostgreSQL text cannot")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise refuse("lone_surrogate", "holds half of a surrogate pair, which is no character") from error
    return str(value)


class DecimalText(Text):
    """An exact number. Never a float on the way."""

    def parse(self, text: str) -> Decimal:
        plain = number_text(text, self.mapping)
        if not NUMBER.fullmatch(plain):
            raise refuse("not_a_number", f"is not a number: {shown(text)}")
        value = Decimal(plain)
        if value and (abs(value.adjusted()) > MOST_DIGITS or len(value.as_tuple().digits) > MOST_DIGITS):
            raise refuse("out_of_range", f"has more than {MOST_DIGITS} digits: {shown(text)}")
        return value


def number_text(text: str, mapping: Mapping) -> str:
    """Rewrite money and decimal commas into a plain number; text that does not fit comes back as it is."""
    if mapping.money:
        text = _without_currency(text, mapping)
    if mapping.decimal_comma:
        return text.replace(".", "").replace(",", ".")
    return text


def _without_currency(text: str, mapping: Mapping) -> str:
    found = MONEY.fullmatch(text.strip())
    if not found:
        return text
    sign, number, scale = found.groups()
    if not mapping.decimal_comma and GROUPED.fullmatch(number):
        number = number.replace(",", "")
    return sign + number + SCALE[scale.lower()]


class IntegerText(Text):
    """A whole number that fits bigint."""

    def parse(self, text: str) -> int:
        plain = number_text(text, self.mapping)
        if not INTEGER.fullmatch(plain):
            raise refuse("not_an_integer", f"is not a whole number: {shown(text)}")
        whole = plain.partition(".")[0]
        if len(whole.lstrip("+-0")) > 19 or not -(2**63) <= int(whole) < 2**63:
            raise refuse("out_of_range", f"does not fit a 64-bit integer: {shown(text)}")
        return int(whole)


class FloatText(Text):
    """A double precision number; -0 is 0, and neither NaN nor infinity is a number."""

    def parse(self, text: str) -> float:
        plain = number_text(text, self.mapping)
        if not NUMBER.fullmatch(plain):
            raise refuse("not_a_number", f"is not a number: {shown(text)}")
        value = float(plain)
        if value in (float("inf"), float("-inf")):
            raise refuse("out_of_range", f"does not fit double precision: {shown(text)}")
        return value or 0.0


class BooleanText(Text):
    """true, t, yes, y, 1, on and their opposites, in any case."""

    def parse(self, text: str) -> bool:
        word = text.lower()
        if word not in TRUE | FALSE:
            raise refuse("not_a_boolean", f"is neither true nor false: {shown(text)}")
        return word in TRUE


class DateText(Text):
    """A day, ISO 8601 or by the declared format."""

    def parse(self, text: str) -> date:
        try:
            if self.mapping.format:
                return datetime.strptime(text, self.mapping.format).date()  # noqa: DTZ007  # a day has no zone
            if not ISO_DATE.fullmatch(text):
                raise ValueError("not ISO 8601")
            return date.fromisoformat(text)
        except ValueError as error:
            form = self.mapping.format or "YYYY-MM-DD"
            raise refuse("not_a_date", f"is not a date of the form {form}: {shown(text)}") from error


class DatetimeText(Text):
    """An instant, as aware UTC; ISO 8601, epoch, epoch_ms or by the declared format."""

    def parse(self, text: str) -> datetime:
        try:
            return self._instant(text)
        except (ValueError, OverflowError) as error:
            form = self.mapping.format or "YYYY-MM-DDTHH:MM:SSZ"
            raise refuse("not_a_time", f"is not a time of the form {form}: {shown(text)}") from error

    def _instant(self, text: str) -> datetime:
        if self.mapping.format in ("epoch", "epoch_ms"):
            return _from_epoch(text, milliseconds=self.mapping.format == "epoch_ms")
        if self.mapping.format:
            return self._aware(datetime.strptime(text, self.mapping.format), text)  # noqa: DTZ007  # made aware here
        found = ISO_TIME.fullmatch(text)
        if not found:
            raise ValueError("not ISO 8601")
        day, clock, zone = found.groups()
        offset = "+00:00" if (zone or "").upper() in ("Z", "UTC") else zone or ""
        return self._aware(datetime.fromisoformat(f"{day}T{clock}{offset}"), text)

    def _aware(self, value: datetime, text: str) -> datetime:
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        if self.mapping.zone is None:
            raise refuse("no_time_zone", f"has no time zone; declare `zone:` for this field: {shown(text)}")
        local = value.replace(tzinfo=ZoneInfo(self.mapping.zone))
        utc = local.astimezone(UTC)
        # A time that daylight saving skips comes back as another; of one that comes twice, the first is it.
        if utc.astimezone(local.tzinfo).replace(tzinfo=None) != value:
            raise refuse("no_such_time", f"does not exist in {self.mapping.zone}: {shown(text)}")
        return utc


def _from_epoch(text: str, *, milliseconds: bool) -> datetime:
    if not NUMBER.fullmatch(text):
        raise ValueError("not a number")
    seconds = Decimal(text) / 1000 if milliseconds else Decimal(text)
    return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))


class JsonText(Text):
    """An object, a list, or JSON text; given back as canonical JSON text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return _canonical_json(value if isinstance(value, str) else json_text.dump(value))
        except RecursionError as error:
            raise refuse("not_json", "is nested too deeply") from error
        except ValueError as error:
            raise refuse("not_json", f"is not JSON: {error}") from error


def _canonical_json(text: str) -> str:
    parsed = json_text.parse(text.encode())
    _check_json(parsed, DEEPEST_JSON)
    canonical = json_text.canonical(parsed)
    plain_text(canonical)
    return canonical


def _check_json(value: Any, deepest: int) -> None:
    if deepest == 0:
        raise ValueError(f"nested deeper than {DEEPEST_JSON}")
    if isinstance(value, json_text.Number) and (
        not NUMBER.fullmatch(value) or abs(Decimal(value).adjusted()) > MOST_DIGITS
    ):
        raise ValueError(f"{shown(value)} is not a number that PostgreSQL holds")
    if isinstance(value, str):
        plain_text(str(value))
    if isinstance(value, dict):
        _check_json(list(value), deepest)
        _check_json(list(value.values()), deepest)
    if isinstance(value, list):
        for item in value:
            _check_json(item, deepest - 1)


class UuidText(Text):
    """A UUID in its five groups."""

    def parse(self, text: str) -> UUID:
        if not UUID_TEXT.fullmatch(text):
            raise refuse("not_a_uuid", f"is not a UUID: {shown(text)}")
        return UUID(text)
