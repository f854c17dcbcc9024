"""Carrying runs out in this process: what a worker does, without Redis and without Celery."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row

from cli import queries
from cli.following import ended
from cli.problems import STOPPED, WAITED, Problem
from cli.progress import watched
from ingest.catalog import catalog
from ingest.db import engine
from ingest.execute import execute
from ingest.settings import settings

AGAIN_AFTER = 1.0
# The commands that take up a run of another mode than a pull's.
AGAIN = {"replay": "replay", "reload": "replay --all"}


def work(ids: Sequence[int], *, deadline: float) -> list[Row[Any]]:
    """Carry the runs out, one after the other; a run that has to wait is waited for.

    Raises Problem at the deadline and at Ctrl-C: the run is back in the queue then, at its last page.
    """
    with _signals() as stop, watched(lambda: _rows(ids)):
        return [_finish(run_id, stop, deadline) for run_id in ids]


def _finish(run_id: int, stop: threading.Event, deadline: float) -> Row[Any]:
    def stopping() -> bool:
        return stop.is_set() or time.monotonic() > deadline

    while True:
        _execute(run_id, stopping)
        (row,) = _rows([run_id])
        if ended([row]):
            return row
        if stopping():
            raise _put_back(row, WAITED if not stop.is_set() else STOPPED)
        # It waits for its upstream (`not_before`), or a worker has it; to ask again is harmless.
        stop.wait(AGAIN_AFTER)


def _execute(run_id: int, stopping: Callable[[], bool]) -> None:
    try:
        execute(engine(), None, catalog(), settings(), run_id, worker=_name(), stopping=stopping)
    except Exception as error:
        error.add_note(f"run {run_id}")
        raise


def _put_back(row: Row[Any], code: int) -> Problem:
    why = f" ({row.error_message})" if row.error_message else ""
    message = f"run {row.id} of {row.source} is {row.state}{why}; it goes on from its last page"
    return Problem(message, code=code, next=f"kasparro {AGAIN.get(row.mode, 'run')} {row.source} --local")


def _rows(ids: Sequence[int]) -> list[Row[Any]]:
    with engine().connect() as tx:
        return queries.runs_by_id(tx, ids)


def _name() -> str:
    return f"cli@{socket.gethostname()}:{os.getpid()}"


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Ctrl-C or TERM asks to stop at the end of the page; the second time it stops at once."""
    stop = threading.Event()

    def ask(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
