"""The one polite client: timeouts, caps, retries, quotas, redaction. Only here are sockets to sources opened.

Every attempt takes a token of its host's quota, so our retries are outside of the limiter; those of
urllib3 stay off. Nothing of the environment (proxies, netrc, cookies) gets into a request.
"""

import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from types import TracebackType
from urllib.parse import urljoin, urlsplit

import requests
import structlog
from requests.adapters import HTTPAdapter

from ingest.errors import SourceBroken, Stopped, TryLater
from ingest.http import auth, body
from ingest.http.backoff import LONGEST_PAUSE, backoff
from ingest.http.inflate import TooLarge
from ingest.http.messages import BadReply, Hiccup, Reply, Request, same_origin
from ingest.http.quota import Quota
from ingest.http.redaction import looks_secret, redact, tidy
from ingest.http.refusals import cause, named, refused, said

__all__ = ["BadReply", "Http", "Reply", "Request", "looks_secret", "redact", "same_origin", "tidy"]

log = structlog.get_logger()

MOST_REDIRECTS = 3
# Enough of an error's body to say what the upstream said.
ERROR_BODY = 64 * 1024

Check = Callable[[Reply], None]


def _anything(reply: Reply) -> None:
    """Accept every reply."""


class Http:
    """A client for one run. `longest_wait`: a longer wait raises TryLater instead of sleeping here.

    `stop` interrupts every wait. `base` is the first backoff; `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        quota: Quota,
        *,
        longest_wait: float,
        stop: threading.Event,
        base: float = 0.5,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._quota, self._longest_wait, self._stop = quota, longest_wait, stop
        self._base, self._chance = base, chance
        self._adapter = HTTPAdapter()

    def __enter__(self) -> "Http":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._adapter.close()

    def fetch(self, request: Request, check: Check = _anything) -> Reply:
        """Return a reply with a good status that `check` does not refuse by a BadReply.

        Raises SourceBroken, TryLater, Stopped.
        """
        attempt = 1
        while True:
            try:
                return self._attempt(request, check)
            except Hiccup as hiccup:
                self._before_retry(request, hiccup, attempt)
            attempt += 1

    def _before_retry(self, request: Request, hiccup: Hiccup, attempt: int) -> None:
        """Wait as long as it takes until the next attempt, or raise when there is none."""
        host = urlsplit(request.url).netloc
        wait = hiccup.after or backoff(attempt, base=self._base, chance=self._chance)
        if hiccup.everyone:
            self._quota.pause(host, wait)
        if attempt > request.retries and wait <= self._longest_wait:
            message = f"{named(request)}: {hiccup} (attempts: {attempt})"
            raise SourceBroken(message, kind=hiccup.kind) from hiccup
        log.info("fetch retried", host=host, attempt=attempt, wait=round(wait, 3), reason=hiccup.kind)
        self._wait(wait, f"{named(request)}: {hiccup}")

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
        target = urljoin(request.url, reply.headers.get("Location", ""))
        if not same_origin(request.url, target) or (request.method != "GET" and reply.status < 307):
            shown = tidy(redact(target, request.secrets), request.secrets)
            message = f"status {reply.status} redirects to {shown}; not followed"
            raise SourceBroken(f"{named(request)}: {message}", kind="request")
        return replace(request, url=target, params={})

    def _exchange(self, request: Request) -> Reply:
        """One request on the wire, with its token."""
        self._take_turn(request)
        deadline = time.monotonic() + request.total_timeout
        try:
            response = self._adapter.send(
                _prepared(request),
                stream=True,
                timeout=(request.connect_timeout, min(request.read_timeout, request.total_timeout)),
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, ValueError) as error:
            raise SourceBroken(f"{named(request)}: cannot be asked for", kind="request") from error
        except requests.RequestException as error:
            raise Hiccup(cause(error, request), kind="network") from None
        with closing(response):
            return Reply(
                status=response.status_code,
                url=redact(response.url, request.secrets),
                headers=response.headers,
                body=self._body(request, response, deadline),
                next=response.links.get("next", {}).get("url"),
            )

    def _body(self, request: Request, response: requests.Response, deadline: float) -> bytes:
        if not response.ok:
            return self._error_body(response, deadline)
        try:
            return body.read(response, most=request.max_body, deadline=deadline, stop=self._stop)
        except TooLarge as error:
            message = f"{named(request)}: the reply {error}; max_body allows no more"
            raise SourceBroken(message, kind="reply") from error
        except BadReply as error:
            problem = tidy(str(error), request.secrets)
            message = f"status {response.status_code}, but the reply {problem}"
            raise Hiccup(message, kind=error.kind) from error

    def _error_body(self, response: requests.Response, deadline: float) -> bytes:
        """What the upstream says of an error; that it cannot be read changes nothing."""
        try:
            return body.read(response, most=ERROR_BODY, deadline=deadline, stop=self._stop)
        except (TooLarge, Hiccup):
            return b""

    def _take_turn(self, request: Request) -> None:
        """Wait until nobody was told to pause and a token is free, and take it."""
        host = urlsplit(request.url).netloc
        while wait := self._quota.paused(host) or self._token(host, request.rate):
            self._wait(wait, f"the quota of {host}")

    def _token(self, host: str, rate: str | None) -> float:
        return 0.0 if rate is None else self._quota.take(host, rate)

    def _wait(self, seconds: float, why: str) -> None:
        if seconds > self._longest_wait:
            raise TryLater(f"{why}; again in {seconds:.0f} s", seconds=min(seconds, LONGEST_PAUSE))
        if self._stop.wait(seconds):
            raise Stopped(f"asked to stop while waiting: {why}")


def _prepared(request: Request) -> requests.PreparedRequest:
    headers = {"User-Agent": "kasparro", "Accept-Encoding": "gzip", **request.headers}
    return requests.Request(
        request.method,
        request.url,
        headers=headers | auth.headers(request.auth),
        params={**request.params, **auth.params(request.auth)},
        json=request.body,
    ).prepare()
