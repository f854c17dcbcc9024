"""Who serves /data in the benchmark: each by two processes, on loopback, for as long as it is measured."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.servers import HOST, free_port

HERE = Path(__file__).parent
VENVS = HERE / ".peers"
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.py", "--bind")
FASTAPI, GRANIAN = VENVS / "fastapi", VENVS / "granian"
UVICORN = (
    str(FASTAPI / "bin" / "python"),
    "-m",
    "uvicorn",
    "--workers",
    "2",
    "--no-access-log",
    "--host",
    HOST,
)
RUST = (sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "8")
OURS, FACTORY = "webapp:create_app()", "webapp:create_app"


@dataclass(frozen=True)
class Server:
    """A contender: its command line for a port, and what makes it able to run."""

    name: str
    command: Callable[[int], tuple[str, ...]]
    prepare: Callable[[], None] = lambda: None


def peer_environment() -> None:
    """Make FastAPI's virtual environment, once. Raises CalledProcessError."""
    if not (FASTAPI / "made").exists():
        _run(sys.executable, "-m", "venv", "--clear", str(FASTAPI))
        _run(str(FASTAPI / "bin" / "python"), *_install("fastapi"))
        (FASTAPI / "made").touch()


def rust_server() -> None:
    """Put granian beside our own packages, once. Raises CalledProcessError."""
    if not GRANIAN.exists():
        _run(sys.executable, *_install("granian"), "--no-deps", "--target", str(GRANIAN))


def _install(name: str) -> tuple[str, ...]:
    return (
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "-r",
        str(HERE / "peers" / f"{name}.txt"),
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=300, capture_output=True)


MAIN = (
    Server("ours", lambda port: (*GUNICORN, f"{HOST}:{port}", OURS)),
    Server("bare Flask", lambda port: (*GUNICORN, f"{HOST}:{port}", "bench.read_bare:app")),
    Server(
        "FastAPI", lambda port: (*UVICORN, "--port", str(port), "bench.read_fastapi:app"), peer_environment
    ),
)
# The same application behind other servers, and the floor behind the fastest of them.
OTHERS = (
    Server("ours, gthread", lambda port: (*GUNICORN, f"{HOST}:{port}", "-k", "gthread", OURS)),
    Server(
        "ours, granian",
        lambda port: (*RUST, "--host", HOST, "--port", str(port), "--no-ws", "--factory", FACTORY),
        rust_server,
    ),
    Server(
        "bare, granian",
        lambda port: (*RUST, "--host", HOST, "--port", str(port), "--no-ws", "bench.read_bare:app"),
        rust_server,
    ),
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
    settings = {"PYTHONPATH": f"{HERE.parent}:{GRANIAN}", "RATE_LIMIT": "9000000/minute"}
    with log.open("ab") as written:
        process = subprocess.Popen(
            server.command(port), cwd=HERE.parent, env=os.environ | settings, stdout=written, stderr=written
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


def _until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not serve; its log is in bench/out/read.log")
