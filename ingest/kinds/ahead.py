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
from ingest.kinds.bounds import weight
from ingest.kinds.paginators import PAGINATORS, Answer, Options, Step, Watch
from ingest.page import Page

# The next page may be so many times as heavy as all before.
HEADROOM = 2
# The kind of error of whatever is too large in some way.
TOO_HEAVY = "reply"

log = structlog.get_logger()

Fetched = tuple[Page, Answer]
Ask = Callable[[Fetch, Request, int], Fetched]


class Ahead:
    """The pages of one list. `ask` fetches one of them, by its number, and looks at it.

    `ahead` of the options says how many are asked for at the same time, the one whose turn it is among them.
    Together they weigh no more than one page may, so that there are fewer of them when pages are large.
    """

    def __init__(self, http: Http, options: Options, ask: Ask) -> None:
        self._http, self._options, self._ask = http, options, ask
        self._most: int = options.get("ahead", 1)
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="ahead")
        self._over = threading.Event()
        self._begun: deque[tuple[Request, Future[Fetched]]] = deque()
        self._coming: Iterator[Request] = iter(())
        self._next: Request | None = None
        self._heaviest = 1
        # Python runs one thread at a time. Were all to parse what arrived together, all would be late.
        self._looking = threading.Lock()

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

        What went wrong ahead is asked for now, as if nobody had asked: so only a page whose turn has come can
        fail the run, and it fails as it would alone.
        """
        begun = self._begun_for(step[0], watch)
        if begun is None:
            self._foresee_from(step)
            return self._in_turn(step[0], watch.number)
        try:
            return begun.result()
        except (Hiccup, SourceBroken, TryLater) as error:
            log.info("page asked for again", page=watch.number, reason=str(error))
            if getattr(error, "kind", None) == TOO_HEAVY:
                self._foresee_from(step)
        return self._in_turn(step[0], watch.number)

    def _begun_for(self, request: Request, watch: Watch) -> Future[Fetched] | None:
        """What was begun for the request, if it was foreseen; then more is begun, as much as there may be.

        Nothing is begun with the first page, nor with one that was not foreseen: most lists have one page,
        and an upstream that never fills its pages is not asked for what nobody wants.
        """
        foreseen = self._begun[0][0] if self._begun else self._next
        if foreseen != request:
            return None
        room = request.max_body // (HEADROOM * self._heaviest)
        self._begin(watch, min(self._most, room, 1 + watch.most - watch.taken))
        return self._begun.popleft()[1] if self._begun else None

    def _begin(self, watch: Watch, most: int) -> None:
        while len(self._begun) < most and most > 1 and self._next is not None:
            request, number = self._next, watch.number + len(self._begun)
            fetch = partial(self._once, self._http.apart(self._over), request.max_body // most)
            begun = self._pool.submit(copy_context().run, self._ask, fetch, request, number)
            self._begun.append((request, begun))
            self._next = next(self._coming, None)

    def _once(self, http: Http, most: int, request: Request, check: Check) -> Reply:
        """Ask once for a page that weighs no more than that."""

        def look(reply: Reply) -> None:
            with self._looking:
                if weight(reply.body) > most:
                    raise SourceBroken("the page is too heavy to be held beside others", kind=TOO_HEAVY)
                check(reply)

        return http.once(replace(request, max_body=most), look)

    def _in_turn(self, request: Request, number: int) -> Fetched:
        fetched = self._ask(self._http.fetch, request, number)
        # A page that came ahead was light enough; to weigh one takes a while.
        if self._most > 1:
            self._heaviest = max(self._heaviest, weight(fetched[0].body))
        return fetched

    def _foresee_from(self, step: Step) -> None:
        """Drop what was begun; only what follows this step is begun from now on."""
        self._drop()
        self._coming = foreseen_after(step, self._options)
        self._next = next(self._coming, None)

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
