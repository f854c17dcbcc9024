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
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from ingest.errors import TryLater

PREFIX = "kasparro:quota"
WITHOUT_REDIS = 3.0
# Nobody asks again before at least this long: the clocks of two machines differ a little.
LEAST_WAIT = 0.005
TIMEOUTS: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 2}


class Pauses(Protocol):
    """Where the pauses of hosts are kept."""

    def begin(self, host: str, seconds: float) -> None:
        """Pause the host; a longer pause that holds already stays."""

    def left(self, host: str) -> float:
        """Seconds until the host's pause ends; 0.0 without one."""


class MemoryPauses:
    """Pauses of this process."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()

    def begin(self, host: str, seconds: float) -> None:
        """Pause the host; a longer pause that holds already stays."""
        with self._lock:
            self._ends[host] = max(self._ends.get(host, 0.0), time.monotonic() + seconds)

    def left(self, host: str) -> float:
        """Seconds until the host's pause ends; 0.0 without one."""
        return max(0.0, self._ends.get(host, 0.0) - time.monotonic())


class RedisPauses:
    """Pauses of all processes: keys that Redis lets expire."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def begin(self, host: str, seconds: float) -> None:
        """Pause the host; a longer pause that holds already stays."""
        key, milliseconds = f"{PREFIX}:pause:{host}", max(1, int(seconds * 1000))
        if not self._client.set(key, "1", px=milliseconds, nx=True):
            self._client.pexpire(key, milliseconds, gt=True)

    def left(self, host: str) -> float:
        """Seconds until the host's pause ends; 0.0 without one."""
        milliseconds: int = self._client.pttl(f"{PREFIX}:pause:{host}")
        return max(0.0, milliseconds / 1000)


class Quota:
    """Tokens and pauses by host. `storage_url` is a Redis URL, or memory:// for one process alone."""

    def __init__(self, storage_url: str) -> None:
        self._pauses: Pauses
        if storage_url.startswith("memory:"):
            storage: Any = MemoryStorage()
            self._pauses = MemoryPauses()
        else:
            storage = RedisStorage(storage_url, key_prefix=PREFIX, **TIMEOUTS)
            self._pauses = RedisPauses(storage.get_connection())
        self._limiter = MovingWindowRateLimiter(storage)

    def take(self, host: str, rate: str) -> float:
        """Take a token of a rate like 30/minute. 0.0: it was taken; else seconds until one may be free.

        Raises TryLater when Redis is away.
        """
        window = limits.parse(rate)
        with _translated():
            if self._limiter.hit(window, host):
                return 0.0
            free_at = self._limiter.get_window_stats(window, host).reset_time
        return max(LEAST_WAIT, free_at - time.time())

    def pause(self, host: str, seconds: float) -> None:
        """Let nobody ask the host for that long. Raises TryLater when Redis is away."""
        with _translated():
            self._pauses.begin(host, seconds)

    def paused(self, host: str) -> float:
        """Seconds until the host may be asked again; 0.0: now. Raises TryLater when Redis is away."""
        with _translated():
            return self._pauses.left(host)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        message = f"Redis is away ({type(error).__name__}); nothing is fetched without the shared quota"
        raise TryLater(message, seconds=WITHOUT_REDIS) from error
