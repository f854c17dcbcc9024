"""Days and instants: what text means which, and what of it PostgreSQL holds."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ingest.normalize.numbers import NUMBER
from ingest.normalize.verdict import Text, refuse, shown

ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
ISO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s?(Z|UTC|[+-]\d\d:?[0-5]\d)?",
    re.ASCII | re.IGNORECASE,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Year 9999 in milliseconds has 15 digits; longer numbers cost time and may overflow even Decimal.
MOST_EPOCH_DIGITS = 16


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
    number = Decimal(text)
    if number and number.adjusted() > MOST_EPOCH_DIGITS:
        raise ValueError("beyond all years")
    seconds = number / 1000 if milliseconds else number
    return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
