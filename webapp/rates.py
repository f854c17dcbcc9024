"""How often one may ask: a window that slides, counted in Redis for all processes.

Without Redis each process counts for itself, so that the API neither fails nor slows down: Redis is left
alone for a while after it did not answer within a fifth of a second.
"""

import math
import time
from ipaddress import IPv6Address, IPv6Network, ip_address

import limits
import structlog
from flask import Flask, current_app, request
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

log = structlog.get_logger(__name__)


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

    def take(self, rate: str, who: str) -> float:
        """Count one request. 0.0: it is within the rate; else the seconds until the next one may be."""
        if time.monotonic() >= self._redis_again:
            try:
                return _take(self._shared, rate, who)
            except RedisError as error:
                self._redis_again = time.monotonic() + LEFT_ALONE_S
                log.warning("each process counts requests for itself", error=type(error).__name__)
        return _take(self._own, rate, who)


def _take(limiter: SlidingWindowCounterRateLimiter, rate: str, who: str) -> float:
    window = limits.parse(rate)
    if limiter.hit(window, who):
        return 0.0
    return max(1.0, limiter.get_window_stats(window, who).reset_time - time.time())


def register(app: Flask, chosen: Settings) -> None:
    """Give the application its counters."""
    app.extensions["rates"] = Rates(chosen.redis_url)


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
