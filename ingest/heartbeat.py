"""Signs of life in Redis: who was seen, and how long ago."""

import time

from redis import Redis

ROLES = ("worker", "control", "beat")
FORGOTTEN_AFTER = 3600


def connect(url: str, *, timeout: float = 1.0) -> "Redis":
    """A Redis client whose every call ends within a few timeouts."""
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)


def beat(client: "Redis", role: str) -> None:
    """Note that the role is alive now."""
    client.set(f"kasparro:alive:{role}", repr(time.time()), ex=FORGOTTEN_AFTER)


def seen(url: str) -> dict[str, float]:
    """Seconds since each role was last seen; a role never seen is absent. Raises redis.RedisError."""
    with connect(url) as client:
        times = client.mget([f"kasparro:alive:{role}" for role in ROLES])
    now = time.time()
    return {
        role: max(0.0, now - float(seen)) for role, seen in zip(ROLES, times, strict=True) if seen is not None
    }
