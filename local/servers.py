"""PostgreSQL and Valkey or Redis as ordinary child processes on 127.0.0.1, without Docker."""

import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql

from local.binaries import postgres_folder, redis_file
from local.process import CannotStart, Child, as_owner, serves, tail

HOST = "127.0.0.1"
USER = "ingest"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
}
# For data that nobody will miss: a test run is several times faster without waiting for the disk.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """One PostgreSQL server; its cluster is made at the first start."""

    name = "postgres"

    def __init__(
        self,
        data: Path,
        port: int,
        *,
        durable: bool = True,
        log: Path | None = None,
        database: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`data` becomes the cluster; the log is beside it unless named; the database is made at start.

        `settings` go over those that every server of ours has.
        """
        self.data = data.absolute()
        self.port = port
        self.log = log or self.data.with_name("postgres.log")
        self.settings = {**SETTINGS, "port": str(port), **({} if durable else CARELESS), **(settings or {})}
        self.database = database
        self.child: Child | None = None

    def start(self) -> None:
        """Return when it takes connections; CannotStart says why not."""
        folder = postgres_folder()
        self._make_cluster(folder)
        self._clear_left_over(folder)
        self._launch(folder)
        if self.database:
            self.create(self.database)

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, connections close, the data is on disk."""
        if self.child is not None:
            self.child.stop(signal.SIGINT, 20)
            self.child = None

    def url(self, database: str) -> str:
        """The address of a database on this server."""
        return f"postgresql://{USER}@{HOST}:{self.port}/{database}"

    def create(self, database: str) -> None:
        """Make an empty database unless it is there."""
        with closing(psycopg2.connect(self.url("postgres"))) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            try:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
            except errors.DuplicateDatabase:
                return

    def _make_cluster(self, folder: Path) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self.data / "PG_VERSION").exists():
            return
        command = [str(folder / "initdb"), "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8"]
        made = self._call([*command, "--locale=C", "--no-sync"])
        if made.returncode != 0:
            raise CannotStart(f"initdb could not make a cluster in {self.data}:\n{made.stdout}")

    def _clear_left_over(self, folder: Path) -> None:
        """After kill -9 a pid file remains, and perhaps a server that is still going down."""
        left_over = self.data / "postmaster.pid"
        if not left_over.exists():
            return
        if serves(self._pid_lines()[0], self.data):
            self._call([str(folder / "pg_ctl"), "-D", str(self.data), "-m", "fast", "-w", "stop"])
        else:
            # The number may belong to another program by now, which pg_ctl would stop.
            left_over.unlink()

    def _launch(self, folder: Path) -> None:
        """Start the server; again, while a query that outlived a killed server still holds the memory."""
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        command = as_owner(
            self.data, [str(folder / "postgres"), "-D", str(self.data), *options], signal.SIGINT
        )
        limit = time.monotonic() + 20
        while True:
            self.child = Child(self.name, command, log=self.log, cwd=self.data.parent, death=signal.SIGINT)
            try:
                return self.child.wait_until(self._ready, 30)
            except CannotStart as error:
                if "pre-existing shared memory" not in str(error) or time.monotonic() > limit:
                    raise
            time.sleep(0.1)

    def _call(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            as_owner(self.data, argv, signal.SIGTERM),
            cwd=self.data.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _ready(self) -> bool:
        lines = self._pid_lines()
        mine = self.child is not None and lines[0] == str(self.child.pid)
        return mine and len(lines) > 7 and lines[7].strip() == "ready"

    def _pid_lines(self) -> list[str]:
        return tail(self.data / "postmaster.pid", 100) or [""]


class Redis:
    """One Valkey or Redis server."""

    name = "redis"

    def __init__(self, data: Path, port: int, *, persistent: bool = True, log: Path | None = None) -> None:
        """`data` holds its append-only file; the log is beside it unless named."""
        self.data = data.absolute()
        self.port = port
        self.log = log or self.data.with_name("redis.log")
        self.persistent = persistent
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """The address of its database 0."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Return when it answers PING; CannotStart says why not."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = {
            "port": str(self.port),
            "bind": HOST,
            "dir": str(self.data),
            "save": "",
            "appendonly": "yes" if self.persistent else "no",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        command = [
            str(redis_file()),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]
        self.child = Child(self.name, command, log=self.log, cwd=self.data.parent)
        self.child.wait_until(self._ready, 10)

    def stop(self) -> None:
        """Ask it to write what it holds and end."""
        if self.child is not None:
            self.child.stop(signal.SIGTERM, 10)
            self.child = None

    def _ready(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
