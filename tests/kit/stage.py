"""Where a proof plays: servers, a catalogue of the oracle's shelves, a way to start runs and see them end."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from redis import Redis
from sqlalchemy import Engine, bindparam, text

from ingest import catalog, runs
from ingest.db import new_engine
from ingest.migrate import migrate
from ingest.settings import settings
from tests.conftest import API_KEY, forget, own_environment
from tests.kit import hooks, witness
from tests.kit.fleet import wait_until
from tests.kit.oracle import Shelf, Shop, open_shop
from tests.kit.proxy import Proxy, proxied
from tests.servers import Servers, servers

DATASET = {
    "fields": {
        "name": {"type": "string", "required": True},
        "price": {"type": "decimal", "min": 0},
        "version": {"type": "integer"},
        "changed_at": {"type": "datetime"},
    }
}


@dataclass
class Stage:
    """A migrated database with a witness in it, a shop, and a way to both servers that no fault disturbs."""

    folder: Path
    servers: Servers
    shop: Shop
    db: Engine
    broker: "Redis"
    lease: float
    postgres: Proxy
    redis: Proxy

    def request(
        self, source: str, *orders: dict[str, Any], mode: str = "incremental", wake: bool = True
    ) -> int:
        """Request a run, leave orders for its executions, and wake a worker, as the API does."""
        from tasks.runs import publish

        with self.db.begin() as tx:
            requested = runs.request(tx, source, trigger="api", mode=mode)
        if orders:
            hooks.leave(requested.run_id, *orders)
        if wake and requested.created:
            publish(requested.run_id, source)
        return requested.run_id

    def states(self, run_ids: Iterable[int]) -> dict[int, Any]:
        """The rows of these runs, by id."""
        query = text("SELECT * FROM runs WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))
        with self.db.connect() as connection:
            return {row.id: row for row in connection.execute(query, {"ids": list(run_ids)})}

    def wait(self, run_ids: Iterable[int], *, seconds: float = 60) -> dict[int, Any]:
        """The rows of these runs once all have ended. Raises TimeoutError."""
        wanted = list(run_ids)

        def ended() -> dict[int, Any] | None:
            rows = self.states(wanted)
            return rows if all(row.finished_at for row in rows.values()) else None

        try:
            return wait_until(ended, seconds=seconds, what="all runs to end")
        except TimeoutError as error:
            still = [
                (r.id, r.source, r.state, r.attempts)
                for r in self.states(wanted).values()
                if not r.finished_at
            ]
            raise TimeoutError(f"{error}; open: {still}") from None

    def empty(self, shelf: Shelf) -> None:
        """Forget all that the source has brought, so that the next run is its first one again."""
        with self.db.begin() as tx:
            for table in ("things", "rejects", "raw_data", "checkpoints", "traces", "runs"):
                tx.execute(text(f"DELETE FROM {table} WHERE source = :source"), {"source": shelf.name})

    def column(self, query: str, **values: Any) -> list[Any]:
        """The first column of a query."""
        with self.db.connect() as connection:
            return list(connection.scalars(text(query), values))

    def count(self, query: str, **values: Any) -> Any:
        """The one value of a query."""
        with self.db.connect() as connection:
            return connection.scalar(text(query), values)


@contextmanager
def stage(
    shelves: list[Shelf], *, lease: float = 1.0, durable: bool = False, **environment: str
) -> Iterator[Stage]:
    """A stage for the shelves, in a folder that goes away. With `durable` PostgreSQL survives a kill.

    The processes of the fleet reach both servers through proxies; the proof itself goes past them.
    """
    with (
        tempfile.TemporaryDirectory(prefix="kasparro-proof-", ignore_cleanup_errors=True) as place,
        servers(durable=durable) as both,
        proxied("127.0.0.1", both.postgres.port) as postgres,
        proxied("127.0.0.1", both.redis.port) as redis,
        own_environment(),
    ):
        folder = Path(place)
        for name in ("files", "orders", "catalog/sources", "catalog/datasets", "logs"):
            (folder / name).mkdir(parents=True)
        both.postgres.create("proof")
        with open_shop(shelves, folder / "files") as shop:
            os.environ.update(_settings(folder, both, lease) | environment)
            _declare(folder / "catalog", shop)
            forget()
            db = new_engine(settings().database_url, application="proof")
            broker = Redis.from_url(both.redis.url)
            migrate(db, catalog.catalog())
            witness.install(db)
            os.environ.update(_through(postgres, redis))
            try:
                yield Stage(folder, both, shop, db, broker, lease, postgres, redis)
            finally:
                db.dispose()
                broker.close()


def _through(postgres: Proxy, redis: Proxy) -> dict[str, str]:
    """What the fleet's processes get to see."""
    return {
        "DATABASE_URL": f"postgresql://ingest@127.0.0.1:{postgres.port}/proof",
        "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
    }


def _settings(folder: Path, both: Servers, lease: float) -> dict[str, str]:
    return {
        "DATABASE_URL": both.postgres.url("proof"),
        "REDIS_URL": both.redis.url,
        "API_KEY": API_KEY,
        "CATALOG_DIR": str(folder / "catalog"),
        "FILES_ROOT": str(folder / "files"),
        "KIT_ORDERS": str(folder / "orders"),
        "LEASE_SECONDS": str(lease),
        "RENEW_SECONDS": str(lease / 3),
        "RECONCILE_SECONDS": "0.5",
        "ALLOW_PRIVATE": "true",
    }


def _declare(folder: Path, shop: Shop) -> None:
    (folder / "datasets" / "things.yaml").write_text(yaml.safe_dump(DATASET))
    for shelf in shop.shelves.values():
        path = folder / "sources" / f"{shelf.name}.yaml"
        path.write_text(yaml.safe_dump(shelf.declaration(shop.url)))
