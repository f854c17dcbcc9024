"""One reading of a whole list, perhaps over several runs, and the positions where it may be cut short."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ingest.kinds.watermark import Value, asked_from, canonical, greatest, highest, restored
from ingest.page import Position

Since = Mapping[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Sweep:
    """What the positions of a list hold. `form` stands for how it is asked for; `asked` is its `since`."""

    form: str
    since: Since | None
    asked: str | None
    old: Value | None
    began: datetime = field(default_factory=_now)
    state: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    high: Value | None = None

    def see(self, records: Sequence[Any], date: str | None, number: int) -> None:
        """Move the high-water mark; `date` is the Date header of the reply."""
        if number == 1:
            self.began = by_their_clock(self.began, _now(), date)
        if self.since is not None:
            self.high = greatest([self.high, highest(self.since, records, self.began)])

    def within(self, state: dict[str, Any], number: int) -> Position:
        """The position in the middle of the list, after the page of that number: the state is the next."""
        return {
            "form": self.form,
            "next": state,
            "page": number,
            "began": self.began.isoformat(),
            "since": self.asked,
            "watermark": canonical(self.old),
            "high": canonical(self.high),
        }

    def end(self) -> Position:
        """The position at the end of the list."""
        watermark = canonical(greatest([self.old, self.high]))
        return {} if watermark is None else {"watermark": watermark}


def form_of(*options: Any) -> str:
    """What tells whether a list is still asked for in the same way. A hash, for options may hold secrets."""
    written = json.dumps(options, default=str, sort_keys=True)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def begun(position: Position, form: str, since: Since | None) -> Sweep:
    """A new sweep, from the position's watermark on."""
    old = None if since is None else restored(position.get("watermark"))
    return Sweep(form, since, None if since is None else asked_from(since, old), old)


def gone_on(position: Position, form: str, since: Since | None) -> Sweep:
    """The sweep that the position interrupted; a new one when the list is asked for in another way now."""
    sweep = begun(position, form, since)
    if "next" not in position or position.get("form") != form:
        return sweep
    sweep.state, sweep.number = position["next"], position["page"]
    sweep.began, sweep.asked = datetime.fromisoformat(position["began"]), position["since"]
    sweep.high = None if since is None else restored(position["high"])
    return sweep


def by_their_clock(began: datetime, now: datetime, date: str | None) -> datetime:
    """When the list was begun, by the upstream's clock if that is behind ours.

    Records are stamped by their clock: what changes while pages are read is stamped later than this.
    """
    try:
        theirs = parsedate_to_datetime(date or "")
        aware = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        # Their clock now, less the time since we asked.
        return min(began, aware - max(now - began, timedelta()))
    except (ValueError, OverflowError):
        return began
