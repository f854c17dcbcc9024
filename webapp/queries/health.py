"""Whether each thing that the system stands on answers, within a second each and side by side."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from ingest.catalog import catalog
from ingest.heartbeat import connect, seen
from ingest.migrate import head
from webapp.queries import sources

PATIENCE_S = 1.0
SILENT_AFTER_S = 30
QUEUE_OLD_S = 300
ROLES = ("worker", "control", "beat")
WORST = ("pass", "warn", "fail")


@dataclass(frozen=True)
class Check:
    """One observation. `output` never names hosts, users or versions: anybody may read it."""

    name: str
    component: str
    status: str
    value: Any = None
    unit: str | None = None
    output: str | None = None

    def document(self) -> dict[str, Any]:
        """The check in the form of application/health+json."""
        shown = {"componentType": self.component, "observedValue": self.value, "observedUnit": self.unit}
        kept = {name: value for name, value in shown.items() if value is not None}
        about = {"output": self.output} if self.output else {}
        return {**kept, "status": self.status, "time": datetime.now(UTC), **about}


# Threads that hang on a frozen server stay few: the next probes wait for one of these and give up.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")

OLDEST_QUEUED = text("SELECT extract(epoch FROM now() - min(created_at)) FROM runs WHERE state = 'queued'")


def checks(engine: Engine, redis_url: str) -> list[Check]:
    """All checks, after about a second at most."""
    _head()  # to read the migrations for the first time is not the servers' slowness
    deadline = time.monotonic() + PATIENCE_S
    asked: dict[str, Future[list[Check]]] = {
        "postgres:responseTime": _threads.submit(_postgres, engine),
        "redis:responseTime": _threads.submit(_redis, redis_url),
        "roles:lastSeen": _threads.submit(_roles, redis_url),
    }
    return [check for name, future in asked.items() for check in _answer(name, future, deadline)]


def _answer(name: str, future: Future[list[Check]], deadline: float) -> list[Check]:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except NoAnswer:
        return [_failed(name, "no answer within a second")]
    except (SQLAlchemyError, RedisError) as error:
        return [_failed(name, f"does not answer ({type(error).__name__})")]


def _failed(name: str, output: str) -> Check:
    """Without PostgreSQL nothing can be served; without the others reads and requests for runs can."""
    status = "fail" if name.startswith("postgres") else "warn"
    return Check(name, "datastore" if "response" in name else "component", status, output=output)


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return round((time.perf_counter() - began) * 1000, 2)


def _postgres(engine: Engine) -> list[Check]:
    with engine.connect() as connection:
        took = _timed(lambda: connection.execute(text("SELECT 1")))
        migrated = connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
        at = connection.scalar(text("SELECT version_num FROM alembic_version")) if migrated else None
        return [
            Check("postgres:responseTime", "datastore", "pass", took, "ms"),
            _migrations(at),
            *([_queue(connection.scalar(OLDEST_QUEUED))] if at else []),
        ]


@cache
def _head() -> str | None:
    return head()


def _migrations(at: str | None) -> Check:
    if at is None:
        return Check("migrations:version", "component", "fail", output="no tables yet; run: kasparro migrate")
    behind = None if at == _head() else "not the version that this code asks for; run: kasparro migrate"
    return Check("migrations:version", "component", "warn" if behind else "pass", at, output=behind)


def _queue(age: Any) -> Check:
    seconds = int(age or 0)
    status = "warn" if seconds > QUEUE_OLD_S else "pass"
    return Check("queue:oldestAge", "component", status, seconds, "s")


def _redis(url: str) -> list[Check]:
    with closing(connect(url)) as client:
        took = _timed(client.ping)
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    evicts = None if policy == "noeviction" else "maxmemory-policy is not noeviction: messages can vanish"
    return [Check("redis:responseTime", "datastore", "warn" if evicts else "pass", took, "ms", evicts)]


def _roles(url: str) -> list[Check]:
    ages = seen(url)
    return list(_seen_roles(ages))


def _seen_roles(ages: dict[str, float]) -> Iterator[Check]:
    for role in ROLES:
        age = ages.get(role)
        silent = age is None or age > SILENT_AFTER_S
        output = None if not silent else "never seen" if age is None else "silent for too long"
        value = None if age is None else round(age, 1)
        yield Check(f"{role}:lastSeen", "component", "warn" if silent else "pass", value, "s", output)


def overall(found: list[Check]) -> str:
    """The worst status among the checks."""
    return max((check.status for check in found), key=WORST.index)


def report(engine: Engine, redis_url: str) -> dict[str, Any]:
    """The whole answer of /health. Last runs are looked up only while PostgreSQL answers."""
    found = checks(engine, redis_url)
    status = overall(found)
    return {
        "status": status,
        "checks": {check.name: [check.document()] for check in found},
        "sources": last_runs() if status != "fail" else {},
    }


def last_runs() -> dict[str, Any]:
    """By declared source: its last run, or None."""
    known = sources.runtime()
    return {name: sources.last_run(known.get(name)) for name in sorted(catalog().sources)}
