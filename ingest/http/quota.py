"""One quota per upstream host, shared by every process through Redis.

A token is taken for each attempt, so that retries count. A pause that one worker was asked for (429)
holds for all of them.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import limits
import redis
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ingest.errors import TryLater

PREFIX = "kasparro:quota"
WITHOUT_REDIS = 3.0
# Nobody asks again before at least this long: the clocks of two machines differ a little.
LEAST_WAIT = 0.005
TIMEOUTS: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 2}

# A turn is one round trip: each page of a run waits for it. Of the window's tokens the list holds when they
# were taken, newest first. Times are Redis's own.
TURN = """
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return paused end
local tokens, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local oldest = tonumber(redis.call('LINDEX', KEYS[2], tokens - 1) or 0)
if oldest > now - seconds then return math.ceil(1000 * (oldest + seconds - now)) end
redis.call('LPUSH', KEYS[2], string.format('%.6f', now))
redis.call('LTRIM', KEYS[2], 0, tokens - 1)
redis.call('EXPIRE', KEYS[2], seconds)
return 0
"""


class _Store(Protocol):
    def pause(self, host: str, seconds: float) -> None: ...
    def paused(self, host: str) -> float: ...
    def turn(self, host: str, rate: limits.RateLimitItem) -> float: ...


class _Memory:
    """Tokens and pauses of this process."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def pause(self, host: str, seconds: float) -> None:
        with self._lock:
            self._ends[host] = max(self._ends.get(host, 0.0), time.monotonic() + seconds)

    def paused(self, host: str) -> float:
        return max(0.0, self._ends.get(host, 0.0) - time.monotonic())

    def turn(self, host: str, rate: limits.RateLimitItem) -> float:
        if paused := self.paused(host):
            return paused
        if self._limiter.hit(rate, host):
            return 0.0
        return max(LEAST_WAIT, self._limiter.get_window_stats(rate, host).reset_time - time.time())


class _Redis:
    """Tokens and pauses of all processes. A pause is a key that Redis lets expire."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, **TIMEOUTS)
        self._turn = self._client.register_script(TURN)

    def pause(self, host: str, seconds: float) -> None:
        key, milliseconds = _pause(host), max(1, int(seconds * 1000))
        if not self._client.set(key, "1", px=milliseconds, nx=True):
            self._client.pexpire(key, milliseconds, gt=True)

    def paused(self, host: str) -> float:
        milliseconds: int = self._client.pttl(_pause(host))
        return max(0.0, milliseconds / 1000)

    def turn(self, host: str, rate: limits.RateLimitItem) -> float:
        keys = [_pause(host), f"{PREFIX}:{rate.key_for(host)}"]
        milliseconds: int = self._turn(keys, [rate.amount, rate.get_expiry()])
        return max(LEAST_WAIT, milliseconds / 1000) if milliseconds else 0.0


def _pause(host: str) -> str:
    return f"{PREFIX}:pause:{host}"


class Quota:
    """Tokens and pauses by host. `storage_url` is a Redis URL, or memory:// for one process alone.

    Without a rate too a turn asks Redis: what another worker was told a moment ago is known nowhere else.
    """

    def __init__(self, storage_url: str) -> None:
        self._store: _Store = _Memory() if storage_url.startswith("memory:") else _Redis(storage_url)

    def take(self, host: str, rate: str | None) -> float:
        """Take a turn, and with a rate like 30/minute a token. 0.0: go; else seconds until one may be had.

        Raises TryLater when Redis is away.
        """
        with _translated():
            return self._store.paused(host) if rate is None else self._store.turn(host, limits.parse(rate))

    def pause(self, host: str, seconds: float) -> None:
        """Let nobody ask the host for that long; a longer pause that holds already stays.

        Raises TryLater when Redis is away.
        """
        with _translated():
            self._store.pause(host, seconds)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        message = f"Redis is away ({type(error).__name__}); nothing is fetched without the shared quota"
        raise TryLater(message, seconds=WITHOUT_REDIS) from error
