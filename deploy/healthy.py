"""`python -m deploy.healthy ROLE` ends with 0 when the role is well: the health check of its container.

web and flower are asked over HTTP. Workers and Beat have no port: their sign of life in Redis is read. It
is one for each role, so of two workers the other one speaks for a dead one.
"""

import os
import sys
import urllib.request
from collections.abc import Callable
from functools import partial

from redis import RedisError

from ingest.heartbeat import ROLES, seen
from ingest.settings import settings

SILENT_AFTER_S = 60
# Not through a proxy: this is our own container.
ASK = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def web() -> str:
    """What is wrong with the API; nothing when it answers."""
    return answers(f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/health/live")


def flower() -> str:
    """What is wrong with Flower; nothing when it answers."""
    return answers(f"http://127.0.0.1:{os.environ.get('FLOWER_PORT') or 5555}/healthcheck")


def answers(url: str) -> str:
    """What is wrong at the address; nothing when it answers with success."""
    try:
        with ASK(url, timeout=3):
            return ""
    except OSError as error:
        return f"{url}: {error}"


def alive(role: str) -> str:
    """What is wrong with a role that has no port; nothing when it was seen lately."""
    try:
        age = seen(settings().redis_url).get(role)
    except RedisError as error:
        return f"Redis: {type(error).__name__}"
    if age is None:
        return f"{role} was never seen"
    return "" if age <= SILENT_AFTER_S else f"{role} is silent for {age:.0f} s"


CHECKS: dict[str, Callable[[], str]] = {
    "web": web,
    "flower": flower,
    **{role: partial(alive, role) for role in ROLES},
}


if __name__ == "__main__":
    sys.exit(CHECKS[sys.argv[1]]() or 0)
