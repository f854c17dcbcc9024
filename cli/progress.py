"""Moving numbers on stderr while runs go on, on a terminal only."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from cli.output import side
from models import TERMINAL_STATES

LOOK_EVERY = 0.3
Show = Callable[[Sequence[Row[Any]]], None]


@contextmanager
def progress() -> Iterator[Show]:
    """Give a function that shows runs as they stand now; in a pipe it shows nothing."""
    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=side(), transient=True, disable=not sys.stderr.isatty()) as bars:
        yield Board(bars).show


@contextmanager
def watched(read: Callable[[], Sequence[Row[Any]]]) -> Iterator[None]:
    """Show runs from a thread, while the engine is busy in this one; in a pipe do nothing."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    with progress() as show:
        watcher = threading.Thread(target=_watch, args=(read, show, over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _watch(read: Callable[[], Sequence[Row[Any]]], show: Show, over: threading.Event) -> None:
    # A database that is away is told by the engine; here it only means that there is nothing to show.
    while not over.wait(LOOK_EVERY):
        with suppress(SQLAlchemyError):
            show(read())


class Board:
    """A line a run: its state, pages, rows and rate."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[int, Any] = {}
        self.began: dict[int, tuple[float, int]] = {}

    def show(self, rows: Sequence[Row[Any]]) -> None:
        """Bring the lines up to date."""
        for row in rows:
            if row.id not in self.tasks:
                self.tasks[row.id] = self.bars.add_task(row.source, total=1, told="")
            done = int(row.state in TERMINAL_STATES)
            self.bars.update(self.tasks[row.id], told=self._told(row), completed=done)

    def _told(self, row: Row[Any]) -> str:
        if row.state == "queued":
            return f"queued {row.error_message or ''}".strip()
        parts = "" if row.parts is None else f" · {row.parts_done} of {row.parts} parts"
        told = f"{row.state}{parts} · {row.pages:,} pages · {row.fetched:,} rows"
        return told if row.state in TERMINAL_STATES else f"{told} · {self._rate(row):,.0f} rows/s"

    def _rate(self, row: Row[Any]) -> float:
        """Rows a second since we began to look."""
        began, fetched = self.began.setdefault(row.id, (time.monotonic(), row.fetched))
        return (row.fetched - fetched) / max(time.monotonic() - began, 0.001)
