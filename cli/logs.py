"""What the engine logs while a command uses it: nothing, unless --debug asks for it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from cli.flags import wants
from ingest import log


@contextmanager
def quiet() -> Iterator[None]:
    """Send logs to stderr with --debug; else keep them, for the command itself tells what matters."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    log.configure("DEBUG" if wants("debug") else "CRITICAL")
    try:
        yield
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
        structlog.reset_defaults()
