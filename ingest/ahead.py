"""The next pages are fetched and made ready while these are being committed.

PostgreSQL and the worker are two processes: taken in turns, each waits for the other. One thread walks the
source and makes its pages ready, in order; whoever commits takes what there is by then. Beside what was taken
there is one page in memory, ready or in the making, or four megabytes of small ones. A large page waits until
the taker has come back for it, and nothing is made until the taker has come back from it: memory stays
bounded by the largest page.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from contextvars import copy_context
from typing import Generic, TypeVar

from ingest.page import Page

LARGE = 5 * 1024**2
# So many pages, of so much weight together, are taken at once. More would take longer to do again after a
# fault and save next to nothing.
MOST_TOGETHER = 50
LARGEST_TOGETHER = 4 * 1024**2
# A thread that waits for an upstream's bytes may not end at once; closing the client ends it.
PATIENCE = 2.0

T = TypeVar("T")


def is_large(page: Page) -> bool:
    """Whether the page is to have the memory for itself."""
    return len(page.body) > LARGE


@contextmanager
def ahead(
    pages: Generator[Page, None, None], make_ready: Callable[[Page], T], *, most: int = MOST_TOGETHER
) -> Iterator[Iterator[list[T]]]:
    """Give what `make_ready` makes of each page, in order, made by a thread that is ahead.

    As much at a time as is there: `most` pages that together weigh LARGEST_TOGETHER, but one at least. What
    is raised over there is raised here, after all that came before it. Leaving the context ends the thread,
    and closes `pages`.
    """
    window = _Window[T](most)
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
                window.give(make_ready(page), page.weight)
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
    """A place between two threads. `_busy`: what was taken last is still being worked on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._waiting = deque[tuple[T, int]]()
        self._busy = self._closed = self._ended = False
        self._error: BaseException | None = None

    def give(self, ready: T, size: int) -> None:
        """Put it down and wait until there is room for more. Raises _Closed."""
        with self._changed:
            self._waiting.append((ready, size))
            self._changed.notify_all()
            self._wait_for(self._has_room)

    def _has_room(self) -> bool:
        """Whether another page like the last one may wait beside those that do."""
        sizes = [size for _, size in self._waiting]
        return not sizes or (len(sizes) < self._most and sum(sizes) + sizes[-1] <= LARGEST_TOGETHER)

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

    def taken(self) -> Iterator[list[T]]:
        """Take what there is, again and again. Nothing here holds on to what was taken."""
        yield from iter(self._next, [])
        if self._error is not None:
            raise self._told()

    def _told(self) -> BaseException:
        """The error, which is held by whoever raises it from then on.

        Its way through the frames leads back here: were it kept, all that the run holds would be a circle,
        and wait for the garbage collector, 16 MB a run that has failed.
        """
        error, self._error = self._error, None
        assert error is not None
        return error

    def _next(self) -> list[T]:
        """What there is, as soon as there is something; nothing at the end."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(self._is_worth_taking)
            taken = self._take()
            self._busy = bool(taken)
            self._changed.notify_all()
        return taken

    def _is_worth_taking(self) -> bool:
        return bool(self._waiting) or self._ended

    def _take(self) -> list[T]:
        """As many as are loaded together."""
        taken, together = list[T](), 0
        while self._waiting and len(taken) < self._most:
            ready, size = self._waiting[0]
            together += size
            if taken and together > LARGEST_TOGETHER:
                break
            self._waiting.popleft()
            taken.append(ready)
        return taken

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._closed or condition())
        if self._closed:
            raise _Closed
