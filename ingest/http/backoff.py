"""How long to wait before asking again."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

CAP = 30.0
# Whatever an upstream asks for, after this long it is asked again.
LONGEST_PAUSE = 15 * 60.0


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
