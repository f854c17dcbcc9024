"""Pages that are asked for before their turn, so that a distant upstream is not waited for page by page.

What will be asked for is only foreseen: the list is read by its paginator, page by page and in order, as if
there were nothing ahead. A page whose request comes true is there already; when one comes that was not
foreseen (a page was shorter than full), all that is on its way is thrown away unseen. So positions, guards,
and the end of the list are what they are without this.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from types import TracebackType

import structlog

from ingest.errors import SourceBroken, TryLater
from ingest.http import Http
from ingest.http.client import Check, Fetch
from ingest.http.messages import Hiccup, Reply, Request
from ingest.json_text import most_values
from ingest.kinds.paginators import PAGINATORS, Answer, Options, Step, Watch
from ingest.page import Page

# A value takes far more memory than its bytes, so a page of many short ones counts for more than its bytes.
BYTES_A_VALUE = 16
# The next page may be so many times as heavy as all before.
HEADROOM = 2

log = structlog.get_logger()

Fetched = tuple[Page, Answer]
Ask = Callable[[Fetch, Request, int], Fetched]


class Ahead:
    """The pages of one list. `ask` fetches one of them, by its number, and looks at it.

    `ahead` of the options says how many are asked for at the same time, the one whose turn it is among them.
    The others together weigh no more than one page may, so that there are fewer of them when pages are large.
    """

    def __init__(self, http: Http, options: Options, ask: Ask) -> None:
        self._http, self._options, self._ask = http, options, ask
        self._most: int = options.get("ahead", 1)
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="ahead")
        self._coming: Iterator[Request] = iter(())
        self._begun: deque[tuple[Request, Future[Fetched]]] = deque()
        self._over = threading.Event()
        self._heaviest = 1

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Break off what is on its way, and wait for the threads."""
        self._drop()
        self._pool.shutdown()

    def take(self, step: Step, watch: Watch) -> Fetched:
        """The page of the step, whose turn it is. Raises what a fetch raises.

        Nothing is ahead of the first page, nor of one that was not foreseen: most lists have one page, and an
        upstream that never fills its pages is not asked for what it would answer in vain.
        """
        foreseen, begun = self._next()
        if foreseen == step[0]:
            self._begin_more(foreseen, watch)
        else:
            self._drop()
            begun, self._coming = None, foreseen_after(step, self._options)
        fetched = self._landed(begun, step[0], watch.number)
        self._heaviest = max(self._heaviest, weight(fetched[0].body))
        return fetched

    def _next(self) -> tuple[Request | None, Future[Fetched] | None]:
        return self._begun.popleft() if self._begun else (next(self._coming, None), None)

    def _begin_more(self, request: Request, watch: Watch) -> None:
        """Ask for the pages behind the watch's, as many as there may be."""
        most_weight = request.max_body
        others = min(self._most - 1, watch.most - watch.taken, most_weight // (HEADROOM * self._heaviest))
        while len(self._begun) < others:
            number = watch.number + 1 + len(self._begun)
            coming = next(self._coming)
            light = partial(_light, self._http.apart(self._over), most_weight // others)
            begun = self._pool.submit(copy_context().run, self._ask, light, coming, number)
            self._begun.append((coming, begun))

    def _landed(self, begun: Future[Fetched] | None, request: Request, number: int) -> Fetched:
        """The page that a thread has brought. What went wrong there is asked for now, as if nobody had asked.

        So only a page whose turn has come can fail the run, and it fails as it would without what was ahead.
        """
        if begun is not None:
            try:
                return begun.result()
            except (Hiccup, SourceBroken, TryLater) as error:
                log.info("page asked for again", page=number, reason=str(error))
        return self._ask(self._http.fetch, request, number)

    def _drop(self) -> None:
        self._over.set()
        for _, begun in self._begun:
            begun.cancel()
        self._begun.clear()
        self._over = threading.Event()


def foreseen_after(step: Step, options: Options) -> Iterator[Request]:
    """What the paginator asks for after a step as long as pages are full; nothing without `ahead`."""
    if options.get("ahead", 1) == 1:
        return
    request, state = step
    full = Answer(None, [None] * (options["size"] or 1))
    steps = PAGINATORS[options["type"]](request, options, state)
    next(steps)
    while True:
        yield steps.send(full)[0]


def weight(body: bytes) -> int:
    """The bytes of a page, or more when it holds many values: parsed, a value takes many times its bytes."""
    return max(len(body), BYTES_A_VALUE * most_values(body))


def _light(http: Http, most: int, request: Request, check: Check) -> Reply:
    """Ask once for a page that weighs no more than that."""

    def weighed(reply: Reply) -> None:
        if weight(reply.body) > most:
            raise SourceBroken("the page is too large to be held beside others", kind="reply")
        check(reply)

    return http.once(replace(request, max_body=most), weighed)
