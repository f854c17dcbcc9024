"""A light look at a source's upstream: no API is called, for that would cost quota."""

import socket
from urllib.parse import urlsplit

from cli.catalogue import files_root

TIMEOUT_SECONDS = 2.0
PORTS = {"http": 80, "https": 443}


def reach(upstream: str) -> str:
    """Return what answers there. Raises OSError when nothing does."""
    return _connection(upstream) if "://" in upstream else _files(upstream)


def _connection(upstream: str) -> str:
    address = urlsplit(upstream)
    port = address.port or PORTS[address.scheme]
    with socket.create_connection((address.hostname, port), timeout=TIMEOUT_SECONDS):
        return f"{upstream} accepts connections"


def _files(pattern: str) -> str:
    found = [path for path in files_root().glob(pattern) if path.is_file()]
    if not found:
        raise FileNotFoundError(f"no file of that name below {files_root()}")
    return f"{pattern}: {len(found)} file(s)"
