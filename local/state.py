"""What the data folder remembers from one start to the next: who uses it, ports, secrets."""

import fcntl
import json
import os
import secrets
from contextlib import closing
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from typing import TextIO

from local.process import CannotStart
from local.servers import HOST, free_port

PORTS = ("postgres", "redis", "coinpaprika", "coingecko")


def claim(folder: Path) -> TextIO:
    """Make the folder ours for as long as the returned file stays open; CannotStart when another has it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        raise CannotStart(
            f"{folder} is in use by another `make demo` or `make run` (process {lock.read().strip()}).\n"
            "  Stop that one, or use another folder: make demo DATA_DIR=.data2 PORT=8001 FLOWER_PORT=5556"
        ) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def public_port(variable: str, default: int) -> int:
    """The port named by a variable; CannotStart when it is no port or taken."""
    text = os.environ.get(variable) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotStart(
            f"{variable}={text} is not a port number.\n  For example: make demo {variable}={default}"
        )
    try:
        _bind(int(text))
    except OSError as error:
        raise CannotStart(
            f"Port {text} on {HOST} cannot be used ({error.strerror}).\n"
            f"  See who has it: ss -ltnp 'sport = :{text}'\n"
            f"  Or choose another: make demo {variable}={int(text) + 1}"
        ) from error
    return int(text)


def inner_ports(folder: Path) -> dict[str, int]:
    """A free port for each inner server, the same as last time where that is still free."""
    file = folder / "ports.json"
    known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    ports = {name: _keep_or_choose(known.get(name)) for name in PORTS}
    file.write_text(json.dumps(ports, indent=2) + "\n")
    return ports


def made_secrets(folder: Path) -> dict[str, str]:
    """The API key and Flower's password, made at the first start and kept where only the owner can read."""
    file = folder / "secrets.json"
    if not file.exists():
        made = {"api_key": secrets.token_hex(16), "flower_password": secrets.token_hex(16)}
        write_private(file, json.dumps(made, indent=2) + "\n")
    known: dict[str, str] = json.loads(file.read_text())
    return known


def write_private(file: Path, text: str) -> None:
    """Write a whole new file that only its owner can read."""
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    part.replace(file)


def _keep_or_choose(port: int | None) -> int:
    try:
        _bind(port or 0)
    except OSError:
        return free_port()
    return port or free_port()


def _bind(port: int) -> None:
    with closing(socket()) as probe:
        # As the servers do: connections of the last run that are still closing do not count.
        probe.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        probe.bind((HOST, port))
