"""Where everything happens: a folder that goes away, the servers, the files, the paged API."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from bench.cpu import cpu_seconds
from bench.inputs import Inputs
from ingest.settings import ROOT
from local.process import Child
from local.servers import HOST, Postgres, Redis, free_port

# The sessions of the benchmark itself, which only look.
LOOKER = "bench looks on"
# Durable, and with room: the same server for the floor, for us and for every peer. The rest are defaults.
SERVER = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
}


@dataclass(frozen=True)
class Site:
    """What the measured processes need to know."""

    folder: Path
    postgres: Postgres
    redis: Redis
    pages_port: int

    def pages(self, **params: int) -> str:
        """The URL of the paged API."""
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return f"http://{HOST}:{self.pages_port}/coins" + (f"?{query}" if query else "")

    def connect(self, database: str = "postgres") -> Connection:
        """A connection in which each statement stands for itself."""
        db = psycopg2.connect(self.postgres.url(database), application_name=LOOKER)
        db.autocommit = True
        return db

    def server_cpu(self) -> float:
        """The seconds that processors have worked for PostgreSQL so far."""
        assert self.postgres.child is not None
        return cpu_seconds(psutil.Process(self.postgres.child.pid))

    def drop(self, database: str) -> None:
        """Give the disk back."""
        with closing(self.connect()) as db, db.cursor() as cursor:
            cursor.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )

    def environment(self, database: str) -> dict[str, str]:
        """What a process of ours is started with for that database; its catalogue and files are its own."""
        # Whoever forbids Python to keep its byte code would have us compile everything at each start.
        outside = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {
            **outside,
            "DATABASE_URL": self.postgres.url(database),
            "REDIS_URL": self.redis.url,
            "API_KEY": "bench-key-0123456789abcdef",
            "CATALOG_DIR": str(self.folder / database / "catalog"),
            "FILES_ROOT": str(self.folder / database / "files"),
            "ALLOW_PRIVATE": "true",
        }


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder that PostgreSQL's own user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="kasparro-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Both servers, ready."""
    postgres = Postgres(folder / "postgres", free_port(), settings=SERVER)
    redis = Redis(folder / "redis", free_port(), persistent=False)
    try:
        postgres.start()
        redis.start()
        yield Site(folder, postgres, redis, free_port())
    finally:
        redis.stop()
        postgres.stop()


@contextmanager
def paged_api(at: Site, inputs: Inputs) -> Iterator[None]:
    """The paged API, in a process of its own."""
    command = [sys.executable, "-m", "bench.pages", str(inputs.file("records.jsonl")), str(at.pages_port)]
    child = Child("paged API", command, log=at.folder / "pages.log", cwd=ROOT)
    try:
        child.wait_until(lambda: _listens(at.pages_port), 60)
        yield
    finally:
        child.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
