"""Two pages, or batches of small ones, are loaded at a time, and committed in their order.

Most of a first load is PostgreSQL taking new rows in, one page's independent of another's. So while one page
is being written, the next one begins on a connection of its own, and waits for its turn before it does
anything that depends on the page before: no page is committed unless all before it are. And while two are
loaded the one behind them is made, so that no core waits while a commit waits for the disk (measured: 7 %
of a first load). A page that must be alone in memory is loaded alone, and nothing is asked for meanwhile.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Event
from typing import TypeVar

AT_A_TIME = 2

T = TypeVar("T")


class Behind(Exception):
    """The page before this one was not committed, so this one must not be."""


class Turn:
    """A page's place in the order."""

    def __init__(self, before: "Turn | None" = None) -> None:
        self._before = before
        self._ended = Event()
        self._well = False

    def wait(self) -> None:
        """Return when the page before is committed. Raises Behind when it will not be."""
        if self._before is None:
            return
        self._before._ended.wait()
        if not self._before._well:
            raise Behind
        self._before = None

    def end(self, *, well: bool) -> None:
        """Let the page after this one go on, or give up."""
        self._well = well
        self._ended.set()


def in_turn(
    load: Callable[[T, Turn], None],
    pages: Iterable[T],
    *,
    alone: Callable[[T], bool],
    full: Callable[[T], bool],
) -> None:
    """Load the pages, two at a time. `load` waits for its turn before it depends on the page before.

    What is behind a page that is `full` is made at once; otherwise when one of the two has ended, for more
    may have come by then. Raises what the first page that failed has raised; all before it are committed
    then, none after it.
    """
    running = deque[Future[None]]()
    turn: Turn | None = None
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="page") as pool:
        try:
            for page in pages:
                most = 0 if alone(page) else AT_A_TIME if full(page) else AT_A_TIME - 1
                _finish(running, but=min(most, AT_A_TIME - 1))
                turn = Turn(turn)
                running.append(pool.submit(copy_context().run, _load, load, page, turn))
                _finish(running, but=most)
        finally:
            while running:
                with suppress(Behind):  # what the page before has raised is the reason
                    running.popleft().result()


def _finish(running: deque[Future[None]], *, but: int) -> None:
    """Wait until no more pages than that are being loaded. Raises what the first that failed has raised."""
    while len(running) > but:
        running.popleft().result()


def _load(load: Callable[[T, Turn], None], page: T, turn: Turn) -> None:
    well = False
    try:
        load(page, turn)
        well = True
    finally:
        turn.end(well=well)
