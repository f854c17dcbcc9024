"""How often one may ask: a window that slides, counted in Redis for all processes.

A way to Redis takes as long as a short query, so a process counts a hundredth of the rate at once and lets so
many requests pass before it counts again. A rate under a hundred is counted one by one.
Without Redis each process counts for itself, so that the API neither fails nor slows down: Redis is left
alone for a while after it did not answer within a fifth of a second.
"""

import math
import time
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from threading import Lock

import limits
import structlog
from flask import Flask, current_app, request
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from ingest.settings import Settings
from webapp.errors import refuse

PREFIX = "kasparro:asked"
PATIENCE_S = 0.2
LEFT_ALONE_S = 10.0
AT_ONCE, MOST_SENDERS = 100, 10_000
NONE = (0, 0.0)

log = structlog.get_logger(__name__)


class Ahead:
    """Requests that were counted before they came, for as long as the window that they were counted in."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[int, float]] = {}
        self._lock = Lock()

    def use(self, rate: str, who: str) -> bool:
        """Let one pass, if there is one left."""
        with self._lock:
            left, until = self._left.pop((rate, who), NONE)
            if not left or time.monotonic() > until:
                return False
            self._left[rate, who] = left - 1, until
            return True

    def put(self, rate: str, who: str, many: int, seconds: float) -> None:
        """Keep some for later; those of the sender that was silent for longest make room."""
        with self._lock:
            if len(self._left) >= MOST_SENDERS:
                del self._left[next(iter(self._left))]
            # Threads that come at once may each have counted some.
            left, _ = self._left.pop((rate, who), NONE)
            self._left[rate, who] = left + many, time.monotonic() + seconds


class Rates:
    """The counters of one application."""

    def __init__(self, redis_url: str) -> None:
        once = Retry(NoBackoff(), 0)
        patience = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
        self._shared = SlidingWindowCounterRateLimiter(
            RedisStorage(redis_url, key_prefix=PREFIX, retry=once, **patience)
        )
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._redis_again = 0.0
        self._ahead = Ahead()

    def take(self, rate: str, who: str) -> float:
        """Count one request. 0.0: it is within the rate; else the seconds until the next one may be."""
        if self._ahead.use(rate, who):
            return 0.0
        window = _window(rate)
        if (many := window.amount // AT_ONCE) > 1 and not self._count(window, who, many):
            self._ahead.put(rate, who, many - 1, window.get_expiry())
            return 0.0
        return self._count(window, who, 1)

    def _count(self, window: RateLimitItem, who: str, many: int) -> float:
        if time.monotonic() >= self._redis_again:
            try:
                return _take(self._shared, window, who, many)
            except RedisError as error:
                self._redis_again = time.monotonic() + LEFT_ALONE_S
                log.warning("each process counts requests for itself", error=type(error).__name__)
        return _take(self._own, window, who, many)


_window = lru_cache(16)(limits.parse)


def _take(limiter: SlidingWindowCounterRateLimiter, window: RateLimitItem, who: str, many: int) -> float:
    if limiter.hit(window, who, cost=many):
        return 0.0
    return max(1.0, limiter.get_window_stats(window, who).reset_time - time.time())


def register(app: Flask, chosen: Settings) -> None:
    """Give the application its counters."""
    app.extensions["rates"] = Rates(chosen.redis_url)


@lru_cache(1000)
def neighbourhood(address: str | None) -> str:
    """Whose requests an address stands for: of IPv6 the /64, for one customer has all the addresses in it."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return str(address)
    known = getattr(known, "ipv4_mapped", None) or known
    return str(IPv6Network((known, 64), strict=False)) if isinstance(known, IPv6Address) else str(known)


def spend(rate: str, who: str) -> None:
    """Count a request of this sender; refuse it with 429 when it is beyond the rate."""
    rates: Rates = current_app.extensions["rates"]
    if wait := rates.take(rate, who):
        log.warning("too many requests", who=who, path=request.path)
        seconds = str(math.ceil(wait))
        refuse(429, f"More than {rate}. Ask again in {seconds} seconds.", headers={"Retry-After": seconds})
