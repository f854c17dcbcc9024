"""The whole system with a canary in every credential: servers that want passwords, workers, API."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import requests
import yaml
from sqlalchemy import Engine, text

from ingest import runs
from ingest.catalog import catalog
from ingest.db import new_engine
from ingest.migrate import migrate
from ingest.settings import ROOT, settings
from local.servers import free_port
from tests.conftest import forget, own_environment
from tests.faults.canaries import EVERY, PLAIN
from tests.faults.echoing import FAULTS, WAYS, play, url_of
from tests.faults.own_server import tell
from tests.kit.fleet import Fleet, wait_until
from tests.kit.proxy import Proxy, proxied
from tests.servers import Servers, servers
from tests.upstream import Asked, upstream

DATASET = {"fields": {"name": {"type": "string", "required": True}, "price": {"type": "decimal"}}}


@dataclass
class Watched:
    """The system that is watched; `said` is what replies and short-lived processes said, by who said it."""

    folder: Path
    both: Servers
    db: Engine
    postgres: Proxy
    redis: Proxy
    journal: list[Asked]
    port: int
    fleet: Fleet
    commands: bytearray
    said: dict[str, str] = field(default_factory=dict)

    def sources(self) -> list[str]:
        """By name."""
        return sorted(catalog().sources)

    def request_all(self) -> list[int]:
        """Request a run of every source; those that meet the bug are ordered to."""
        from tests.kit import hooks

        with self.db.begin() as tx:
            made = {name: runs.request(tx, name, trigger="api").run_id for name in self.sources()}
            for name, run_id in made.items():
                if name.endswith("_bug"):
                    hooks.leave(run_id, {"do": "raise", "at": "landed", "nth": 1})
        return list(made.values())

    def states(self) -> dict[str, tuple[str, str | None]]:
        """Of the newest run of each source: state and kind of error."""
        query = "SELECT DISTINCT ON (source) source, state, error_kind FROM runs ORDER BY source, id DESC"
        with self.db.connect() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(text(query))}

    def settled(self) -> bool:
        """Whether every run has ended."""
        return all(state in ("succeeded", "failed") for state, _ in self.states().values())

    def ask(self, path: str, *, key: str | None, method: str = "GET", **options: Any) -> int:
        """Ask the API; its status. What it said is kept."""
        headers = {"x-api-key": key} if key else {}
        url = f"http://127.0.0.1:{self.port}{path}"
        reply = requests.request(method, url, headers=headers, timeout=30, **options)
        self.said[f"{method} {path} {len(self.said)}"] = f"{dict(reply.headers)}\n{reply.text}"
        return reply.status_code

    def process(self, *command: str, seconds: float = 60, **environment: str) -> int:
        """A short-lived process in an environment that differs; its status. What it said is kept."""
        ended = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
        )
        self.said[f"{' '.join(command)[:80]} {len(self.said)}"] = ended.stdout.decode("utf-8", "replace")
        return ended.returncode


@contextmanager
def watched() -> Iterator[Watched]:
    """Everything runs; gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="kasparro-canaries-", ignore_cleanup_errors=True) as place,
        servers() as both,
        proxied("127.0.0.1", both.postgres.port) as postgres,
        proxied("127.0.0.1", both.redis.port) as broker,
        upstream(play) as server,
        own_environment(),
    ):
        folder = Path(place)
        _declare(folder, server.url)
        _ask_for_passwords(both)
        os.environ.update(_settings(folder, postgres.port, broker.port))
        forget()
        db = new_engine(settings().database_url)
        migrate(db, catalog())
        port, fleet = free_port(), Fleet(folder / "logs", workers=1, concurrency=4)
        fleet.commands["web"] = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.py"]
        fleet.commands["web"] += ["--bind", f"127.0.0.1:{port}", "webapp:create_app()"]
        with _listening(both) as commands:
            fleet.start()
            try:
                yield Watched(folder, both, db, postgres, broker, server.journal, port, fleet, commands)
            finally:
                fleet.stop()
                db.dispose()


def _declare(folder: Path, url: str) -> None:
    for name in ("catalog/datasets", "catalog/sources", "orders", "logs"):
        (folder / name).mkdir(parents=True)
    (folder / "catalog/datasets/things.yaml").write_text(yaml.safe_dump(DATASET))
    for way, options in WAYS.items():
        for fault in FAULTS:
            source = {
                "dataset": "things",
                "kind": "http_json",
                "options": {"url": url_of(fault, way, url), "retries": 1, "read_timeout": "1s", **options},
                "key": "id",
                "fields": {"name": "name", "price": "price"},
                "max_reject_percent": 100,
            }
            (folder / f"catalog/sources/{way}_{fault}.yaml").write_text(yaml.safe_dump(source))


def _ask_for_passwords(both: Servers) -> None:
    """Let nobody into PostgreSQL and Redis without the canary."""
    both.postgres.create("canaries")
    tell(both.postgres.url("postgres"), f"ALTER ROLE ingest PASSWORD '{PLAIN['postgres']}'")
    (both.postgres.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    tell(both.postgres.url("postgres"), "SELECT pg_reload_conf()")
    redis.Redis.from_url(both.redis.url).config_set("requirepass", PLAIN["redis"])


def _settings(folder: Path, postgres: int, broker: int) -> dict[str, str]:
    return {
        "DATABASE_URL": f"postgresql://ingest:{PLAIN['postgres']}@127.0.0.1:{postgres}/canaries",
        "REDIS_URL": f"redis://:{PLAIN['redis']}@127.0.0.1:{broker}/0",
        "API_KEY": PLAIN["api_key"],
        "CATALOG_DIR": str(folder / "catalog"),
        "KIT_ORDERS": str(folder / "orders"),
        "LEASE_SECONDS": "3",
        "RENEW_SECONDS": "1",
        "RECONCILE_SECONDS": "0.5",
        "ALLOW_PRIVATE": "true",
        "LOG_LEVEL": "DEBUG",
        **{f"CANARY_{name.upper()}": value for name, value in EVERY.items()},
    }


@contextmanager
def _listening(both: Servers) -> Iterator[bytearray]:
    """Every command that Redis gets: messages, events, locks, quotas. Redis itself leaves passwords out."""
    heard = bytearray()
    url = both.redis.url.replace("redis://", f"redis://:{PLAIN['redis']}@")

    def listen() -> None:
        # On a slow machine more than redis-py's five seconds go by until somebody says something.
        client = redis.Redis.from_url(url, socket_timeout=None)
        with suppress(redis.RedisError, OSError, ValueError), client.monitor() as monitor:
            while True:
                try:
                    command = monitor.next_command()
                except ValueError:  # a line that redis-py cannot take apart; the next one may be
                    continue
                heard.extend(command["command"].encode("utf-8", "replace") + b"\n")

    threading.Thread(target=listen, daemon=True).start()
    with redis.Redis.from_url(url) as client:
        wait_until(lambda: client.ping() and len(heard), seconds=10, what="the monitor")
    yield heard
