"""The one reader of the environment: every setting, its default, and all errors at once.

A setting is one field here plus one line in `.env.example`; a test holds the two equal. Variables that
catalogue files refer to (`${NAME}`) are read by `ingest.catalog` through `environment`.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from environs import Env, EnvValidationError

from ingest.errors import ConfigInvalid

ROOT = Path(__file__).resolve().parent.parent
RATE = re.compile(r"[1-9][0-9]{0,6}/(second|minute|hour|day)")


@dataclass(frozen=True)
class Settings:
    """What can be set from outside. Durations are seconds."""

    database_url: str
    redis_url: str
    api_key: str
    catalog_dir: Path
    files_root: Path
    data_dir: Path
    port: int
    flower_port: int
    log_level: str
    lease: float
    renew_every: float
    reconcile_every: float
    max_attempts: int
    max_pullers: int
    longest_wait: float
    worker_concurrency: int
    allow_private: bool
    public_reads: bool
    rate_limit: str
    failed_rate_limit: str
    proxies: int
    trusted_hosts: str


def _sqlalchemy_url(url: str) -> str:
    """SQLAlchemy 2.1 reads a plain postgresql:// as psycopg 3; ours is psycopg2."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    return url


T = TypeVar("T")


def _get(parse: Callable[..., T], name: str, default: T) -> T:
    """An empty variable means the default, so that a line of `.env.example` may stay as it is."""
    return parse(name) if os.environ.get(name) else default


def _read(env: Env) -> Settings:
    return Settings(
        database_url=_sqlalchemy_url(_get(env.str, "DATABASE_URL", "")),
        redis_url=_get(env.str, "REDIS_URL", "redis://127.0.0.1:6379/0"),
        api_key=_get(env.str, "API_KEY", ""),
        catalog_dir=Path(_get(env.str, "CATALOG_DIR", str(ROOT / "catalog"))),
        files_root=Path(_get(env.str, "FILES_ROOT", str(ROOT / "catalog" / "data"))),
        data_dir=Path(_get(env.str, "DATA_DIR", ".data")),
        port=_get(env.int, "PORT", 8000),
        flower_port=_get(env.int, "FLOWER_PORT", 5555),
        log_level=_get(env.str, "LOG_LEVEL", "INFO").upper(),
        lease=_get(env.float, "LEASE_SECONDS", 30.0),
        renew_every=_get(env.float, "RENEW_SECONDS", 8.0),
        reconcile_every=_get(env.float, "RECONCILE_SECONDS", 5.0),
        max_attempts=_get(env.int, "MAX_ATTEMPTS", 5),
        max_pullers=_get(env.int, "MAX_PULLERS", 8),
        longest_wait=_get(env.float, "LONGEST_WAIT_SECONDS", 20.0),
        worker_concurrency=_get(env.int, "WORKER_CONCURRENCY", 2),
        allow_private=_allow_private(env),
        public_reads=_get(env.bool, "PUBLIC_READS", True),
        rate_limit=_get(env.str, "RATE_LIMIT", "3000/minute"),
        failed_rate_limit=_get(env.str, "FAILED_RATE_LIMIT", "60/minute"),
        proxies=_get(env.int, "PROXIES", 0),
        trusted_hosts=_get(env.str, "TRUSTED_HOSTS", ""),
    )


def _allow_private(env: Env) -> bool:
    return _get(env.bool, "ALLOW_PRIVATE", False)


def _each(error: EnvValidationError) -> list[str]:
    """One line a variable; none shows the value, which may be a secret."""
    if not isinstance(error.error_messages, Mapping):
        return [str(error)]
    return [f"{name}: {' '.join(texts)}" for name, texts in error.error_messages.items()]


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    if not settings.database_url:
        problems.append(
            "DATABASE_URL is not set. Example: postgresql://user:password@localhost:5432/kasparro"
        )
    if settings.renew_every * 2 >= settings.lease:
        problems.append(
            "RENEW_SECONDS must be less than half of LEASE_SECONDS, or a busy worker loses its lease"
        )
    for name in ("rate_limit", "failed_rate_limit"):
        if not RATE.fullmatch(getattr(settings, name)):
            problems.append(f"{name.upper()} is no rate. Write a number and a time, for example 600/minute")
    if settings.max_pullers < 1:
        problems.append("MAX_PULLERS is how many workers may share a run that is divided: 1 or more")
    if settings.proxies < 0:
        problems.append("PROXIES is how many proxies stand in front of the API: 0 or more")
    return problems


def _seal(env: Env) -> None:
    try:
        env.seal()
    except EnvValidationError as error:
        raise ConfigInvalid(_each(error)) from error


def read() -> Settings:
    """Read the environment. Raises ConfigInvalid with every problem."""
    env = Env(eager=False)
    settings = _read(env)
    _seal(env)
    if problems := _contradictions(settings):
        raise ConfigInvalid(problems)
    return settings


@cache
def settings() -> Settings:
    """The settings of this process, read once. Raises ConfigInvalid."""
    return read()


def allow_private() -> bool:
    """ALLOW_PRIVATE alone, for commands that need no DATABASE_URL, as `read` does. Raises ConfigInvalid."""
    env = Env(eager=False)
    allowed = _allow_private(env)
    _seal(env)
    return allowed


def environment() -> Mapping[str, str]:
    """The environment itself, for the `${NAME}` references of catalogue files."""
    return os.environ
