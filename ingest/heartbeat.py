"""Signs of life in Redis: who was seen, and how long ago by Redis' own clock."""

from redis import Redis

ROLES = ("worker", "control", "beat")
FORGOTTEN_AFTER = 3600


def connect(url: str, *, timeout: float = 1.0) -> "Redis":
    """A Redis client whose every call ends within a few timeouts."""
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)


def beat(client: "Redis", role: str) -> None:
    """Note that the role is alive now."""
    client.set(_key(role), "1", ex=FORGOTTEN_AFTER)


def seen(url: str) -> dict[str, float]:
    """Seconds since each role was last seen; a role never seen is absent. Raises redis.RedisError."""
    with connect(url) as client, client.pipeline(transaction=False) as pipeline:
        for role in ROLES:
            pipeline.pttl(_key(role))
        left = dict(zip(ROLES, pipeline.execute(), strict=True))
    # What a key still has to live tells its age; the clocks of two machines would not.
    return {role: FORGOTTEN_AFTER - ms / 1000 for role, ms in left.items() if ms >= 0}


def _key(role: str) -> str:
    return f"kasparro:alive:{role}"
