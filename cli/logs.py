"""What the engine logs while a command uses it: nothing, but with --debug or for an audit."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from cli.flags import wants
from ingest import log


@contextmanager
def quiet() -> Iterator[None]:
    """Send logs to stderr with --debug; else keep them, for the command itself tells what matters."""
    with _logging("DEBUG" if wants("debug") else "CRITICAL"):
        yield


@contextmanager
def audited() -> Iterator[None]:
    """Send logs to stderr where something collects it; a terminal gets the command's own words."""
    with _logging("DEBUG" if wants("debug") else "CRITICAL" if sys.stderr.isatty() else "INFO"):
        yield


@contextmanager
def _logging(level: str) -> Iterator[None]:
    root = logging.getLogger()
    before, structured = (root.handlers[:], root.level), structlog.get_config()
    log.configure(level)
    try:
        yield
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
        structlog.configure(**structured)
