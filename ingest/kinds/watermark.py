"""How far an incremental source has been read: the newest time or number of change, compared as a value.

Nothing is skipped: the upstream is asked from the watermark itself (less the lookback), and the
watermark never passes the time at which the first page was asked for, because records that change while
pages are read may be on a page already read. Numbers tell no time: there the lookback is how far such
changes can be behind, as a count.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import jmespath

from ingest.kinds.paths import found

Value = datetime | int
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNIT = {"epoch": timedelta(seconds=1), "epoch_ms": timedelta(milliseconds=1)}
INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)


def read(value: Any, format: str) -> Value | None:
    """The value as an aware time or an integer; None when it is missing or cannot be read."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    text = str(value).strip()
    if format == "integer":
        return int(text) if INTEGER.fullmatch(text) else None
    try:
        return _time(text, format)
    except (ValueError, OverflowError, InvalidOperation):
        return None


def _time(text: str, format: str) -> datetime | None:
    if format == "iso":
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not NUMBER.fullmatch(text):
        return None
    microseconds = Decimal(text) * (UNIT[format] // timedelta(microseconds=1))
    return EPOCH + timedelta(microseconds=int(microseconds // 1))


def canonical(value: Value | None) -> str | int | None:
    """The value as a position holds it."""
    return value.isoformat() if isinstance(value, datetime) else value


def restored(kept: Any) -> Value | None:
    """The value that a position holds, whatever the format was."""
    return read(kept, "integer" if isinstance(kept, int) else "iso")


def written(value: Value, format: str) -> str:
    """The value as the upstream is asked with it, never later than it is."""
    if isinstance(value, int):
        return str(value)
    if format == "iso":
        fraction = "milliseconds" if value.microsecond % 1000 == 0 else "microseconds"
        return value.isoformat(timespec=fraction if value.microsecond else "seconds").replace("+00:00", "Z")
    return str((value - EPOCH) // UNIT[format])


def asked_from(since: Mapping[str, Any], watermark: Value | None) -> str | None:
    """What the upstream is asked with: the watermark less the lookback; at first the start, if any."""
    if watermark is None or isinstance(watermark, int) != (since["format"] == "integer"):
        start = read(since.get("start"), since["format"])
        return None if start is None else written(start, since["format"])
    if isinstance(watermark, int):
        # Numbers of changes do not begin below 0, and an API may refuse to be asked so.
        return str(max(watermark - int(since.get("lookback") or 0), min(watermark, 0)))
    try:
        return written(watermark - timedelta(seconds=since.get("lookback") or 0), since["format"])
    except OverflowError:
        return written(watermark, since["format"])


def highest(since: Mapping[str, Any], records: Iterable[Any], began: datetime) -> Value | None:
    """The greatest value of the records that can be believed: readable, and no later than `began`."""
    path = jmespath.compile(since["field"])
    values = [read(found(path, record), since["format"]) for record in records]
    return greatest(value for value in values if not isinstance(value, datetime) or value <= began)


def greatest(values: Iterable[Value | None]) -> Value | None:
    """The greatest of the values that are there; of times and numbers together, the last kind counts."""
    present = [value for value in values if value is not None]
    alike = [value for value in present if type(value) is type(present[-1])]
    return max(alike, default=None)
