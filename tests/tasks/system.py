"""Real Celery processes over the test's database and Redis, started and killed as a test asks."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine, text

from ingest.settings import ROOT

# A takeover follows a kill in seconds here; the defaults are ten times as long.
FAST = {"LEASE_SECONDS": "3", "RENEW_SECONDS": "0.5", "RECONCILE_SECONDS": "0.5", "WORKER_CONCURRENCY": "1"}
CELERY = [sys.executable, "-m", "celery", "-A", "tasks"]
QUIET = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
COMMANDS = {
    "worker": [*CELERY, "worker", "-Q", "etl.run", "-c", "1", "-n", "worker@%h", *QUIET],
    "second": [*CELERY, "worker", "-Q", "etl.run", "-c", "1", "-n", "second@%h", *QUIET],
    "control": [*CELERY, "worker", "-Q", "etl.control", "-c", "1", "-n", "control@%h", *QUIET],
}


class System:
    """The processes of a test, by role; each writes its own log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *roles: str) -> None:
        """Start the roles; tasks wait for them in Redis, so nothing here waits for readiness."""
        env = {**os.environ, **FAST, "PYTHONPATH": str(ROOT)}
        beat = [*CELERY, "beat", "-s", str(self.folder / "schedule"), "--pidfile=", "--loglevel", "INFO"]
        for role in roles:
            with (self.folder / f"{role}.log").open("ab") as log:
                command = beat if role == "beat" else COMMANDS[role]
                self.processes[role] = subprocess.Popen(
                    command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
                )

    def log(self, role: str) -> str:
        """What a role has written so far."""
        return (self.folder / f"{role}.log").read_text()

    def kill_child(self, role: str) -> None:
        """SIGKILL to the pool process that executes tasks."""
        for child in psutil.Process(self.processes[role].pid).children():
            if "multiprocessing" not in " ".join(child.cmdline()):
                child.kill()

    def kill(self, role: str) -> None:
        """SIGKILL to the main process; its children die with it."""
        process = self.processes.pop(role)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, role: str) -> int:
        """SIGTERM, as a deploy does; the exit status."""
        process = self.processes.pop(role)
        process.send_signal(signal.SIGTERM)
        return process.wait(30)

    def end(self) -> None:
        """Leave nothing behind."""
        for role in list(self.processes):
            self.kill(role)


@contextmanager
def system(folder: Path) -> Iterator[System]:
    """A system without processes yet; gone afterwards, whatever happened."""
    processes = System(folder)
    try:
        yield processes
    finally:
        processes.end()


def wait_until(condition: Callable[[], Any], *, seconds: float = 40, what: str = "") -> Any:
    """What the condition gives once it is true; the bound is a guard, not a measure."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def one(db: Engine, query: str, **values: Any) -> Mapping[str, Any]:
    """The one row of a query."""
    with db.connect() as connection:
        return connection.execute(text(query), values).one()._mapping
