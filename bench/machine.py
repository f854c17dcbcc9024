"""On what it was measured: the machine, the versions, the settings."""

import os
import platform
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.site import SERVER, Site

LIBRARIES = ("polars", "psycopg2-binary", "SQLAlchemy", "orjson", "zstandard", "requests")


def machine() -> dict[str, Any]:
    """The machine in a few words."""
    return {
        "processor": _line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3),
        "system": platform.platform(),
    }


def versions(at: Site) -> dict[str, str]:
    """Python, PostgreSQL and the libraries that carry the load."""
    with closing(at.connect()) as db, db.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = str((cursor.fetchone() or ("",))[0])
    return {"python": platform.python_version(), "postgresql": server} | {
        name: version(name) for name in LIBRARIES
    }


def settings() -> dict[str, str]:
    """What the server was told; the rest are PostgreSQL's defaults."""
    return dict(SERVER)


def _line(path: str, beginning: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(beginning)), "")
