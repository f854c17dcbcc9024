"""A light look at a source's upstream: no API is called, for that would cost quota."""

from urllib.parse import urlsplit

from cli.catalogue import files_root
from ingest.declared import Source
from ingest.http.connect import connected
from ingest.settings import allow_private

TIMEOUT_SECONDS = 2.0
PORTS = {"http": 80, "https": 443}


def reach(source: Source) -> str:
    """Return what answers there. Raises OSError when nothing does, Refused where no run would connect to."""
    return _connection(source) if "://" in source.upstream else _files(source.upstream)


def _connection(source: Source) -> str:
    address = urlsplit(source.upstream)
    port = address.port or PORTS[address.scheme]
    allowed = allow_private() if source.allow_private is None else source.allow_private
    with connected(address.hostname or "", port, allow_private=allowed, timeout=TIMEOUT_SECONDS):
        return f"{source.upstream} accepts connections"


def _files(pattern: str) -> str:
    found = [path for path in files_root().glob(pattern) if path.is_file()]
    if not found:
        raise FileNotFoundError(f"no file of that name below {files_root()}")
    return f"{pattern}: {len(found)} file(s)"
