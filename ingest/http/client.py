"""The one polite client: timeouts, caps, retries, quotas, redaction. Only here are sockets to sources opened.

Every attempt takes a token of its host's quota, so our retries are outside of the limiter; those of
urllib3 stay off. Nothing of the environment (proxies, netrc, cookies) gets into a request.
"""

import copy
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from urllib.parse import urlsplit

import structlog

from ingest.errors import SourceBroken, Stopped, TryLater
from ingest.http.backoff import LONGEST_PAUSE, Allowance, backoff
from ingest.http.connect import Resolve, resolved
from ingest.http.exchange import Exchange
from ingest.http.messages import BadReply, Hiccup, Reply, Request, within_origin
from ingest.http.quota import Quota
from ingest.http.redaction import redact, tidy
from ingest.http.refusals import named, refused, said
from ingest.http.stop import Either, Stop

log = structlog.get_logger()

MOST_REDIRECTS = 3

Check = Callable[[Reply], None]
Fetch = Callable[[Request, Check], Reply]


def _anything(reply: Reply) -> None:
    """Accept every reply."""


class Http:
    """A client for one run. `longest_wait`: a longer wait raises TryLater instead of sleeping here.

    `stop` interrupts every wait. `base` is the first backoff; `chance` gives numbers from 0 to 1.
    `allow_private` is for requests that do not say whether they may go to addresses that are not public.
    """

    def __init__(
        self,
        quota: Quota,
        *,
        longest_wait: float,
        stop: Stop,
        base: float = 0.5,
        chance: Callable[[], float] = lambda: random.random(),
        allow_private: bool = False,
        resolve: Resolve = resolved,
    ) -> None:
        self._quota, self._longest_wait, self._stop = quota, longest_wait, stop
        self._base, self._chance = base, chance
        self._exchange = Exchange(allow_private=allow_private, resolve=resolve)
        self._retries = Allowance()
        # One at a time waits for its turn; the others would only ask the quota over and over.
        self._turn = threading.Lock()

    def __enter__(self) -> "Http":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exchange.close()

    def apart(self, over: Stop) -> "Http":
        """The same client for other threads, which stops as soon as `over` is set as well."""
        other = copy.copy(self)
        other._stop = Either(self._stop, over)
        return other

    def once(self, request: Request, check: Check = _anything) -> Reply:
        """Like fetch, but an attempt that fails is the only one. Raises Hiccup besides.

        A pause that the upstream asks for holds all the same.
        """
        try:
            return self._attempt(request, check)
        except Hiccup as hiccup:
            self._pause(request, hiccup, self._delay(hiccup, attempt=1))
            raise

    def fetch(self, request: Request, check: Check = _anything) -> Reply:
        """Return a reply with a good status that `check` does not refuse by a BadReply.

        Raises SourceBroken, TryLater, Stopped.
        """
        attempt = 1
        while True:
            try:
                reply = self._attempt(request, check)
            except Hiccup as hiccup:
                self._before_retry(request, hiccup, attempt)
            else:
                self._retries.earn()
                return reply
            attempt += 1

    def _before_retry(self, request: Request, hiccup: Hiccup, attempt: int) -> None:
        """Wait as long as it takes until the next attempt, or raise when there is none."""
        wait = self._delay(hiccup, attempt)
        self._pause(request, hiccup, wait)
        if wait <= self._longest_wait and (why := self._given_up(request, hiccup, attempt)):
            raise SourceBroken(f"{named(request)}: {hiccup} ({why})", kind=hiccup.kind) from hiccup
        host, reason = urlsplit(request.url).netloc, hiccup.kind
        log.info("fetch retried", host=host, attempt=attempt, wait=round(wait, 3), reason=reason)
        self._wait(wait, f"{named(request)}: {hiccup}")

    def _delay(self, hiccup: Hiccup, attempt: int) -> float:
        return hiccup.after or backoff(attempt, base=self._base, chance=self._chance)

    def _pause(self, request: Request, hiccup: Hiccup, seconds: float) -> None:
        if hiccup.everyone:
            self._quota.pause(urlsplit(request.url).netloc, seconds)

    def _given_up(self, request: Request, hiccup: Hiccup, attempt: int) -> str | None:
        """Why there is no further attempt; None when there is one."""
        if attempt > request.retries:
            return f"attempts: {attempt}"
        # Where the upstream said when to ask again, it asked for it; "at once" is no such word.
        if not hiccup.after and not self._retries.spend():
            return f"attempts: {attempt}; this run has asked again more than {self._retries}"
        return None

    def _attempt(self, request: Request, check: Check) -> Reply:
        try:
            return self._checked(request, check)
        except Hiccup as hiccup:
            if hiccup.kind == "reply":
                # What came was no good, and nobody knows what else is on its way over that connection.
                self._exchange.renew()
            raise

    def _checked(self, request: Request, check: Check) -> Reply:
        reply = self._followed(request)
        if not 200 <= reply.status < 300:
            raise refused(request, reply)
        try:
            check(reply)
        except BadReply as error:
            problem = tidy(str(error), request.secrets)
            message = f"status {reply.status}, but the reply {problem}; it begins: {said(request, reply)}"
            raise Hiccup(message, kind=error.kind) from error
        return reply

    def _followed(self, request: Request) -> Reply:
        """The reply after redirects. They are followed within the origin only."""
        for _ in range(MOST_REDIRECTS + 1):
            self._take_turn(request)
            reply = self._exchange.ask(request, self._stop)
            if reply.status not in (301, 302, 303, 307, 308):
                return reply
            request = self._redirected(request, reply)
        raise SourceBroken(f"{named(request)}: more than {MOST_REDIRECTS} redirects", kind="request")

    def _redirected(self, request: Request, reply: Reply) -> Request:
        location = reply.headers.get("Location", "")
        target = within_origin(request.url, location)
        if target is None or (request.method != "GET" and reply.status < 307):
            shown = tidy(redact(target or location, request.secrets), request.secrets)
            message = f"status {reply.status} redirects to {shown}; not followed"
            raise SourceBroken(f"{named(request)}: {message}", kind="request")
        return replace(request, url=target, params={})

    def _take_turn(self, request: Request) -> None:
        """Wait until nobody was told to pause and a token is free, and take it."""
        host = urlsplit(request.url).netloc
        with self._turn:
            if self._stop.is_set():
                raise Stopped(f"asked to stop before {host} was asked")
            while wait := self._quota.take(host, request.rate):
                self._wait(wait, f"the quota of {host}")

    def _wait(self, seconds: float, why: str) -> None:
        if seconds > self._longest_wait:
            raise TryLater(f"{why}; again in {seconds:.0f} s", seconds=min(seconds, LONGEST_PAUSE))
        if self._stop.wait(seconds):
            raise Stopped(f"asked to stop while waiting: {why}")
