"""The checks themselves: each looks at one thing and says what it found and how to mend it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import redis
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cli import queries
from cli.alive import ages, silent
from cli.catalogue import declared
from cli.output import span
from cli.problems import CONFIG, SERVERS, UPSTREAM, first_line, problem_of
from cli.reach import reach
from ingest import settings
from ingest.db import engine
from ingest.declared import Catalog, Source
from ingest.errors import ConfigInvalid
from ingest.heartbeat import ROLES, connect
from ingest.http.connect import MEND, Refused
from ingest.migrate import head, revision

AT_ONCE = 8
MIGRATE = "kasparro migrate"
ENVIRONMENT = "set it in the environment; .env.example explains every setting"
Read = TypeVar("Read")


@dataclass(frozen=True)
class Finding:
    """What one check found: ok, warn or fail; `fix` is what to do, `code` the exit code of a failure."""

    name: str
    state: str
    detail: str
    fix: str | None = None
    code: int = 0

    def document(self) -> dict[str, Any]:
        """The finding without its exit code."""
        return {name: value for name, value in asdict(self).items() if name != "code"}


def findings() -> Iterator[Finding]:
    """All findings, each as soon as it is known."""
    catalog, invalid = _attempt(declared)
    yield from _invalid("catalogue", invalid)
    if catalog is not None:
        told = f"{len(catalog.sources)} sources, {len(catalog.datasets)} datasets"
        yield Finding("catalogue", "ok", told)
    current, invalid = _attempt(settings.settings)
    yield from _invalid("settings", invalid)
    if current is not None:
        yield Finding("settings", "ok", "complete")
        yield from _database(catalog)
        yield from _redis(current.redis_url)
    if catalog is not None:
        yield from _upstreams(catalog)


def _attempt(read: Callable[[], Read]) -> tuple[Read | None, list[str]]:
    """What can be read, or the problems."""
    try:
        return read(), []
    except ConfigInvalid as error:
        return None, error.problems


def _invalid(name: str, problems: list[str]) -> Iterator[Finding]:
    fix = "edit the file; docs/adding.md tells what it may hold" if name == "catalogue" else ENVIRONMENT
    for problem in problems:
        yield Finding(name, "fail", problem, fix, CONFIG)


def _database(catalog: Catalog | None) -> Iterator[Finding]:
    try:
        with engine().connect() as tx:
            yield Finding("database", "ok", "PostgreSQL answers")
            yield _migrations(tx, catalog)
    except SQLAlchemyError as error:
        problem = problem_of(error)
        yield Finding("database", "fail", problem.message, "start PostgreSQL, or mend DATABASE_URL", SERVERS)


def _migrations(tx: Connection, catalog: Catalog | None) -> Finding:
    at = revision(tx)
    if at != head():
        told = "no tables of Kasparro yet" if at is None else f"at version {at}, the code is at {head()}"
        return Finding("migrations", "fail", told, MIGRATE, SERVERS)
    missing = sorted((catalog.sources.keys() if catalog else set()) - queries.switches(tx).keys())
    if missing:
        return Finding("migrations", "fail", f"not registered yet: {', '.join(missing)}", MIGRATE, SERVERS)
    return Finding("migrations", "ok", f"at version {at}, the newest")


def _redis(url: str) -> Iterator[Finding]:
    try:
        with connect(url) as client:
            client.ping()
            yield _policy(client)
        yield _workers(ages())
    except (redis.RedisError, ValueError) as error:
        fix = "start Redis, or mend REDIS_URL; kasparro run SOURCE --local does without"
        yield Finding("redis", "fail", first_line(error), fix, SERVERS)


def _policy(client: redis.Redis) -> Finding:
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except redis.ResponseError:
        return Finding("redis", "ok", "Redis answers; its maxmemory-policy is not ours to read")
    if policy != "noeviction":
        told = f"maxmemory-policy is {policy}: a full Redis would forget messages and quotas"
        return Finding("redis", "warn", told, "redis-cli CONFIG SET maxmemory-policy noeviction")
    return Finding("redis", "ok", "Redis answers, maxmemory-policy is noeviction")


def _workers(seen: dict[str, float]) -> Finding:
    """Runs can be had without workers, so their absence is no failure."""
    told = [f"{role} {span(seen[role])} ago" if role in seen else f"{role} never" for role in ROLES]
    away = silent(seen)
    fix = f"start {', '.join(away)}; kasparro run SOURCE --local does without" if away else None
    return Finding("workers", "warn" if away else "ok", f"seen: {', '.join(told)}", fix)


def _upstreams(catalog: Catalog) -> Iterator[Finding]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(_upstream, sorted(catalog.sources.values(), key=lambda source: source.name))


def _upstream(source: Source) -> Finding:
    name = f"source {source.name}"
    try:
        return Finding(name, "ok", reach(source))
    except Refused as error:
        return Finding(name, "fail", str(error), f"if it is meant to be there: {MEND}", CONFIG)
    except (OSError, ValueError, ConfigInvalid) as error:
        fix = f"look at catalog/sources/{source.name}.yaml, FILES_ROOT and the network"
        return Finding(name, "fail", f"{source.upstream}: {first_line(error)}", fix, UPSTREAM)
