"""How long to wait before asking again."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

CAP = 30.0
# Whatever an upstream asks for, after this long it is asked again.
LONGEST_PAUSE = 15 * 60.0
# A run may ask again so often, and once more for so many good replies.
MOST_AHEAD = 50
GOOD_FOR_ONE = 2


def backoff(attempt: int, *, base: float, chance: Callable[[], float]) -> float:
    """Seconds to wait after the attempt (from 1): exponential, with full jitter."""
    return chance() * min(CAP, base * 2.0 ** (attempt - 1))


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that Retry-After asks for, at most LONGEST_PAUSE; None when absent, unreadable or past."""
    seconds = _asked(header.strip(), now) if header else None
    return min(seconds, LONGEST_PAUSE) if seconds is not None and seconds > 0 else None


def _asked(header: str, now: datetime) -> float | None:
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", header, re.ASCII):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()


class Allowance:
    """How often a run may ask again: an upstream that answers a little is not asked five times for each page.

    It ends the run as a refusal does. The schedule is the pause, and the first request of the next run the
    probe, so there is no other breaker.
    """

    def __init__(self) -> None:
        self._left = float(MOST_AHEAD)

    def __str__(self) -> str:
        return f"{MOST_AHEAD} times, and once for {GOOD_FOR_ONE} good replies"

    def earn(self) -> None:
        """A good reply came."""
        self._left = min(float(MOST_AHEAD), self._left + 1 / GOOD_FOR_ONE)

    def spend(self) -> bool:
        """Whether the run may ask again; it counts as done."""
        allowed = self._left >= 1
        self._left -= allowed
        return allowed
