"""The next page is fetched and made ready while this one is being committed.

PostgreSQL and the worker are two processes: taken in turns, each waits for the other. One thread walks the
source and makes its pages ready, in order; whoever commits takes them one by one. Beside those that are being
committed there is one page in memory, ready or in the making. A large page waits until the taker has come
back for it, and nothing is made until the taker has come back from it: memory stays bounded by the largest
page.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from contextvars import copy_context
from typing import Generic, TypeVar

from ingest.page import Page

LARGE = 5 * 1024**2
# A thread that waits for an upstream's bytes may not end at once; closing the client ends it.
PATIENCE = 2.0

T = TypeVar("T")


def is_large(page: Page) -> bool:
    """Whether the page is to have the memory for itself."""
    return len(page.body) > LARGE


@contextmanager
def ahead(pages: Generator[Page, None, None], make_ready: Callable[[Page], T]) -> Iterator[Iterator[T]]:
    """Give what `make_ready` makes of each page, in order, made by a thread that is one page ahead.

    What is raised over there is raised here, after all that came before it. Leaving the context ends the
    thread, and closes `pages`.
    """
    window = _Window[T]()
    maker = threading.Thread(
        target=copy_context().run, args=(_make, pages, make_ready, window), name="pages ahead", daemon=True
    )
    maker.start()
    try:
        yield window.taken()
    finally:
        window.close()
        maker.join(PATIENCE)


def _make(pages: Generator[Page, None, None], make_ready: Callable[[Page], T], window: "_Window[T]") -> None:
    try:
        with closing(pages):
            for page in pages:
                large = is_large(page)
                if large:
                    window.wait_until_idle()
                window.give(make_ready(page))
                if large:
                    window.wait_until_idle()
        window.end(None)
    except _Closed:
        pass
    except BaseException as error:  # whatever it is belongs to the run, and the run is over there
        window.end(error)


class _Closed(Exception):
    """Nobody takes any more."""


class _Window(Generic[T]):
    """One place between two threads. `_busy`: what was taken last is still being worked on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._busy = self._closed = self._ended = False
        self._error: BaseException | None = None

    def give(self, ready: T) -> None:
        """Put it down and wait until it is taken. Raises _Closed."""
        with self._changed:
            self._waiting.append(ready)
            self._changed.notify_all()
            self._wait_for(lambda: not self._waiting)

    def wait_until_idle(self) -> None:
        """Wait until all that was given has been worked on. Raises _Closed."""
        with self._changed:
            self._wait_for(lambda: not self._waiting and not self._busy)

    def end(self, error: BaseException | None) -> None:
        """Nothing more comes, because of the error if there is one."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody takes any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def taken(self) -> Iterator[T]:
        """Take one after the other."""
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                ready, self._busy = self._waiting.pop(), True
                self._changed.notify_all()
            yield ready
            del ready
        if self._error is not None:
            raise self._error

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._closed or condition())
        if self._closed:
            raise _Closed
