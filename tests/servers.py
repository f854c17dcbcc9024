"""PostgreSQL and Redis for one test run: free ports, a temporary folder, no waiting for the disk."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.servers import Postgres, Redis, free_port


@dataclass(frozen=True)
class Servers:
    """The two servers of a test run."""

    postgres: Postgres
    redis: Redis


@contextmanager
def servers(*, durable: bool = False) -> Iterator[Servers]:
    """Both servers, ready; gone with all their data afterwards. A durable PostgreSQL survives a kill."""
    folder = Path(tempfile.mkdtemp(prefix="kasparro-tests-"))
    both = Servers(
        Postgres(folder / "postgres", free_port(), durable=durable),
        Redis(folder / "redis", free_port(), persistent=False),
    )
    try:
        both.postgres.start()
        both.redis.start()
        yield both
    finally:
        both.redis.stop()
        both.postgres.stop()
        shutil.rmtree(folder)
