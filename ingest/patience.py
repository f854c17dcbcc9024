"""How long to wait before asking again."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Whatever an upstream asks for, after this time it is asked again.
LONGEST_PAUSE = 900.0
LONGEST_BACKOFF = 30.0


def backoff(attempt: int, *, base: float, chance: Callable[[], float]) -> float:
    """Exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015)."""
    return chance() * min(LONGEST_BACKOFF, base * 2.0**attempt)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After asks for, as a number or a date (RFC 9110, 10.2.3); None: nothing usable."""
    if header is None:
        return None
    seconds = _seconds(header.strip())
    return min(seconds, LONGEST_PAUSE) if seconds is not None and seconds > 0 else None


def _seconds(header: str) -> float | None:
    if header.isascii() and header.isdigit():
        return float(header[:10])
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
