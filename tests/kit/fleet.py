"""Real Celery processes over a proof's servers; what dies is started again, as a supervisor would."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ingest.settings import ROOT

CELERY = [sys.executable, "-m", "celery", "-A", "tests.kit.worker"]
QUIET = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]


def commands(folder: Path, *, workers: int, concurrency: int) -> dict[str, list[str]]:
    """The command of each process, by its role."""
    beat = ["beat", "-s", str(folder / "schedule"), "--pidfile=", "--loglevel", "WARNING"]
    control = ["worker", "-Q", "etl.control", "-c", "1", "-n", "control@%h", *QUIET]
    runs = ["worker", "-Q", "etl.run", "-c", str(concurrency), *QUIET]
    named = {f"worker{number}": [*CELERY, *runs, "-n", f"worker{number}@%h"] for number in range(workers)}
    return {"beat": [*CELERY, *beat], "control": [*CELERY, *control], **named}


class Fleet:
    """The processes by role, each the leader of its own group. `restarts` counts what died."""

    def __init__(self, folder: Path, *, workers: int = 1, concurrency: int = 4) -> None:
        self.folder = folder
        self.commands = commands(folder, workers=workers, concurrency=concurrency)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._watch = threading.Thread(target=self._keep_alive, daemon=True)

    def start(self) -> None:
        """Start every role, and a watch over them."""
        for role in self.commands:
            self._start(role)
        self._watch.start()

    def _start(self, role: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                self.commands[role], env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def _keep_alive(self) -> None:
        while not self._over.wait(0.1):
            with self._lock:
                for role, process in list(self.processes.items()):
                    if process.poll() is not None and not self._over.is_set():
                        self.restarts += 1
                        self._sweep(process)
                        self._start(role)

    def workers(self) -> list[str]:
        """The roles that execute runs."""
        return [role for role in self.commands if role.startswith("worker")]

    def signal(self, role: str, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the main process of a role, or to its whole group."""
        with self._lock, suppress(ProcessLookupError):
            pid = self.processes[role].pid
            (os.killpg if group else os.kill)(pid, number)

    def log(self, role: str) -> str:
        """What a role has written so far."""
        return (self.folder / f"{role}.log").read_text(errors="replace")

    def stop(self) -> None:
        """End everything; nothing is left behind."""
        self._over.set()
        with self._lock:
            for process in self.processes.values():
                self._sweep(process)
        self._watch.join()

    def _sweep(self, process: "subprocess.Popen[bytes]") -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def fleet(folder: Path, **shape: int) -> Iterator[Fleet]:
    """A fleet that runs; gone afterwards, whatever happened."""
    processes = Fleet(folder, **shape)
    processes.start()
    try:
        yield processes
    finally:
        processes.stop()


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """What the condition gives once it is true. Raises TimeoutError; the bound is a guard, not a measure."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > limit:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
    return found
