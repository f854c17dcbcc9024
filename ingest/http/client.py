"""The one polite client: timeouts, caps, retries, quotas, redaction. Only here are sockets to sources opened.

Every attempt takes a token of its host's quota, so our retries are outside of the limiter; those of
urllib3 stay off. Nothing of the environment (proxies, netrc, cookies) gets into a request.
"""

import copy
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from types import TracebackType
from urllib.parse import urlsplit

import requests
import structlog

from ingest.errors import SourceBroken, Stopped, TryLater
from ingest.http import body
from ingest.http.backoff import LONGEST_PAUSE, Allowance, backoff
from ingest.http.connect import MEND, Adapter, Refused, Resolve, resolved
from ingest.http.inflate import TooLarge
from ingest.http.messages import TOO_LATE, BadReply, Hiccup, Reply, Request, within_origin
from ingest.http.quota import Quota
from ingest.http.redaction import redact, tidy
from ingest.http.refusals import cause, named, refused, said
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
        self._allow_private = allow_private
        self._retries = Allowance()
        # One at a time waits for its turn; the others would only ask the quota over and over.
        self._turn = threading.Lock()
        # Two, so that no request is sent over a connection that was checked less than it must be.
        self._adapters = {
            allowed: Adapter(allow_private=allowed, resolve=resolve) for allowed in (False, True)
        }

    def __enter__(self) -> "Http":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for adapter in self._adapters.values():
            adapter.close()

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
            reply = self._exchange(request)
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

    def _exchange(self, request: Request) -> Reply:
        """One request on the wire, with its token."""
        self._take_turn(request)
        deadline = time.monotonic() + request.total_timeout
        try:
            response = self._adapter(request).ask(
                request.prepared(),
                connect_timeout=request.connect_timeout,
                read_timeout=request.read_timeout,
                deadline=deadline,
                stop=self._stop,
            )
        except Refused as error:
            message = f"{named(request)}: {error}. If it is meant to be there: {MEND}"
            raise SourceBroken(message, kind="address") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, ValueError) as error:
            raise SourceBroken(f"{named(request)}: cannot be asked for", kind="request") from error
        except requests.RequestException as error:
            late = time.monotonic() >= deadline
            raise Hiccup(TOO_LATE if late else cause(error, request), kind="network") from None
        with closing(response):
            return Reply(
                status=response.status_code,
                url=redact(response.url, request.secrets),
                headers=response.headers,
                body=self._body(request, response, deadline),
                next=response.links.get("next", {}).get("url"),
            )

    def _adapter(self, request: Request) -> Adapter:
        allowed = self._allow_private if request.allow_private is None else request.allow_private
        return self._adapters[allowed]

    def _body(self, request: Request, response: requests.Response, deadline: float) -> bytes:
        if not response.ok:
            return body.said(response, deadline=deadline, stop=self._stop)
        try:
            return body.read(response, most=request.max_body, deadline=deadline, stop=self._stop)
        except TooLarge as error:
            message = f"{named(request)}: the reply {error}; max_body allows no more"
            raise SourceBroken(message, kind="reply") from error
        except BadReply as error:
            problem = tidy(str(error), request.secrets)
            message = f"status {response.status_code}, but the reply {problem}"
            raise Hiccup(message, kind=error.kind) from error

    def _take_turn(self, request: Request) -> None:
        """Wait until nobody was told to pause and a token is free, and take it."""
        host = urlsplit(request.url).netloc
        with self._turn:
            if self._stop.is_set():
                raise Stopped(f"asked to stop before {host} was asked")
            while wait := self._quota.paused(host) or self._token(host, request.rate):
                self._wait(wait, f"the quota of {host}")

    def _token(self, host: str, rate: str | None) -> float:
        return 0.0 if rate is None else self._quota.take(host, rate)

    def _wait(self, seconds: float, why: str) -> None:
        if seconds > self._longest_wait:
            raise TryLater(f"{why}; again in {seconds:.0f} s", seconds=min(seconds, LONGEST_PAUSE))
        if self._stop.wait(seconds):
            raise Stopped(f"asked to stop while waiting: {why}")
