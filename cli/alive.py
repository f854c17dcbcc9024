"""Who works: signs of life in Redis, and how long ago is too long."""

from ingest.heartbeat import ROLES, seen
from ingest.settings import settings

SILENT_AFTER = 60.0


def ages() -> dict[str, float]:
    """Seconds since each role was seen; a role never seen is absent. Raises redis.RedisError."""
    return {role: round(age, 1) for role, age in seen(settings().redis_url).items()}


def silent(ages: dict[str, float]) -> list[str]:
    """The roles that nobody was seen in lately."""
    return [role for role in ROLES if ages.get(role, SILENT_AFTER) >= SILENT_AFTER]
