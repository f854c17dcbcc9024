"""Who serves /data in the benchmark: each by two processes, on loopback, for as long as it is measured."""

import os
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.peers import VENVS
from local.servers import HOST, free_port

ROOT = Path(__file__).parent.parent
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.py", "--bind")
UVICORN = (str(VENVS / "fastapi/bin/python"), "-m", "uvicorn", "--workers", "2", "--no-access-log")
RUST = (str(VENVS / "granian/bin/python"), "-m", "granian", "--interface", "wsgi", "--workers", "2")
THREADS = ("--blocking-threads", "8", "--no-ws")
OURS, FACTORY, BARE = "webapp:create_app()", "webapp:create_app", "bench.read_bare:app"


@dataclass(frozen=True)
class Server:
    """A contender: its command line for a port, and whose virtual environment it needs besides ours."""

    name: str
    command: Callable[[int], tuple[str, ...]]
    needs: str = ""


def _on(port: int) -> tuple[str, ...]:
    return "--host", HOST, "--port", str(port)


MAIN = (
    Server("ours", lambda port: (*GUNICORN, f"{HOST}:{port}", OURS)),
    Server("bare Flask", lambda port: (*GUNICORN, f"{HOST}:{port}", BARE)),
    Server("FastAPI", lambda port: (*UVICORN, *_on(port), "bench.read_fastapi:app"), "fastapi"),
)
# The same application behind other servers, and the floor behind the fastest of them.
OTHERS = (
    Server("ours, gthread", lambda port: (*GUNICORN, f"{HOST}:{port}", "-k", "gthread", OURS)),
    Server("ours, granian", lambda port: (*RUST, *_on(port), *THREADS, "--factory", FACTORY), "granian"),
    Server("bare, granian", lambda port: (*RUST, *_on(port), *THREADS, BARE), "granian"),
)


@dataclass(frozen=True)
class Serving:
    """A server that answers."""

    process: psutil.Process
    port: int

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://{HOST}:{self.port}{path}"

    def processes(self) -> list[psutil.Process]:
        """It and all its children."""
        return [self.process, *self.process.children(recursive=True)]

    def memory_mb(self) -> float:
        """What all of them hold, shared pages counted once."""
        return float(sum(one.memory_full_info().pss for one in self.processes()) / 2**20)

    def cpu_seconds(self) -> float:
        """The processor's time that all of them took."""
        return float(sum(sum(one.cpu_times()[:2]) for one in self.processes()))


@contextmanager
def serving(server: Server, log: Path) -> Iterator[Serving]:
    """The server, from its first answer until it is told to stop."""
    port = free_port()
    # Limits of rate hold in the benchmark too, but nobody is to meet them.
    settings = {"RATE_LIMIT": "9000000/minute", "PYTHONPATH": _paths(server)}
    with log.open("ab") as written:
        process = subprocess.Popen(
            server.command(port), cwd=ROOT, env=os.environ | settings, stdout=written, stderr=written
        )
    found = Serving(psutil.Process(process.pid), port)
    try:
        _until_it_answers(found.url("/data?limit=1"), process)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _paths(server: Server) -> str:
    """Where it finds the application, and our packages where it runs in another environment with our code."""
    ours = sysconfig.get_path("purelib")
    return f"{ROOT}:{ours}" if server.needs == "granian" else str(ROOT)


def _until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not serve; its log is in bench/out/read.log")
