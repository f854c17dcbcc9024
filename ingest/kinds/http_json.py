"""REST APIs that answer JSON: each reply is a page."""

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import jmespath
import structlog

from ingest.errors import SourceBroken
from ingest.http import Http
from ingest.http.client import Fetch
from ingest.http.messages import BadReply, Reply, Request, referred_in_path
from ingest.json_parted import parted
from ingest.kinds.ahead import Ahead
from ingest.kinds.bounds import check_records, check_values
from ingest.kinds.paginators import BY_CONTENT, PAGINATORS, Answer, Step, Steps, Watch, asked
from ingest.kinds.paths import MISFITS, misfit
from ingest.kinds.sweep import Sweep, begun, form_of, gone_on
from ingest.page import JSON, Page, Position

JSON_TYPE = re.compile(r"(application|text)/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
# How a request fails whose place in the list (a cursor, a page's number) is not there any more.
STALE = ("request", "not_found", "pagination")

log = structlog.get_logger()


def http_json(
    http: Http,
    positions: dict[str, Position],
    *,
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    auth: Mapping[str, Any] | None = None,
    records: str | None = None,
    paginate: Mapping[str, Any] | None = None,
    since: Mapping[str, Any] | None = None,
    rate: str | None = None,
    max_body: int = 16 * 1024**2,
    connect_timeout: float = 5.0,
    read_timeout: float = 30.0,
    total_timeout: float = 120.0,
    retries: int = 4,
    max_pages: int = 10_000,
    allow_private: bool | None = None,
) -> Iterator[Page]:
    """Yield a page for each reply; `records` is the JMESPath of the list of records, None: the whole body.

    A run that was cut short goes on at its next page with the same `since`, unless the list is asked for
    in another way now; the next run begins anew from the watermark. `max_pages` counts in each run.
    Raises SourceBroken, TryLater, Stopped.
    """
    request = Request(
        url=url,
        method=method,
        headers={"Accept": "application/json", **(headers or {})},
        params=params or {},
        body=body,
        auth=auth,
        rate=rate,
        max_body=max_body,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        total_timeout=total_timeout,
        retries=retries,
        allow_private=allow_private,
        hidden=referred_in_path(url),
    )
    listing = _Listing(http, request, paginate or {"type": "none"}, since, records, max_pages)
    yield from listing.pages(positions.get("", {}))


@dataclass(frozen=True)
class _Listing:
    """How a list is asked for."""

    http: Http
    request: Request
    paginate: Mapping[str, Any]
    since: Mapping[str, Any] | None
    path: str | None
    most: int

    @property
    def form(self) -> str:
        request = self.request
        asked_for = (request.url, request.method, request.params, request.body)
        # How many pages are asked for at the same time does not matter to where the list stands.
        paginate = {name: value for name, value in self.paginate.items() if name != "ahead"}
        return form_of(*asked_for, paginate, self.since, self.path)

    def pages(self, position: Position) -> Iterator[Page]:
        """Go on where the position says; begin anew when the upstream does not know that place any more.

        Nothing is lost by that: the list is asked for from the old watermark again.
        """
        sweep = gone_on(position, self.form, self.since)
        pages = self._swept(sweep)
        try:
            first = list(islice(pages, 1))
        except SourceBroken as error:
            if not sweep.state or error.kind not in STALE:
                raise
            log.warning("list begun anew", page=sweep.number + 1, reason=str(error))
            first, pages = [], self._swept(begun(position, self.form, self.since))
        with closing(pages):
            yield from first
            yield from pages

    def _swept(self, sweep: Sweep) -> Generator[Page, None, None]:
        request = _since(self.request, sweep, self.since)
        steps = PAGINATORS[self.paginate["type"]](request, self.paginate, sweep.state)
        whole = self.since is not None or self.paginate["type"] in BY_CONTENT
        ask = partial(_asked_for, path=self.path, whole=whole)
        with Ahead(self.http, self.paginate, ask) as ahead:
            yield from self._followed(steps, sweep, ahead)

    def _followed(self, steps: Steps, sweep: Sweep, ahead: Ahead) -> Iterator[Page]:
        watch = Watch(self.most, number=sweep.number)
        step: Step | None = next(steps)
        while step is not None:
            request, state = step
            watch.turn(request)
            page, answer = ahead.take(step, watch)
            watch.look(request, answer.records)
            sweep.see(answer.records, answer.date, watch.number)
            try:
                step = _following(steps, answer)
            except SourceBroken:
                # The page is good, only what it says of the next is not: it is kept, and asked for again.
                yield page.standing_at(sweep.within(state, watch.number - 1))
                raise
            yield page.standing_at(sweep.within(step[1], watch.number) if step else sweep.end())


def _since(request: Request, sweep: Sweep, since: Mapping[str, Any] | None) -> Request:
    if since is None or sweep.asked is None:
        return request
    return asked(request, {since["param"]: sweep.asked})


def _following(steps: Steps, answer: Answer) -> Step | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def _asked_for(
    fetch: Fetch, request: Request, number: int, *, path: str | None, whole: bool
) -> tuple[Page, Answer]:
    """Fetch one page. The reply is looked at where it can still be asked for again.

    Only where somebody looks into it does the whole answer have to be parsed.
    """
    found: list[tuple[Page, Answer]] = []

    def check(reply: Reply) -> None:
        sent = {"method": request.method, "url": reply.url, "status": reply.status}
        page = Page(reply.body, JSON, {**sent, "page": number, "records": path}, None)
        check_values(reply.body, request)
        _check_type(reply)
        texts = parted(reply.body, path)
        records = _records(page, path) if whole or texts is None else texts
        check_records(records, request)
        answer = Answer(page, records, reply.next, reply.headers.get("Date"))
        # Values take many times the memory of the bytes: the page has them only where it is decoded by them.
        kept = page if texts is None else page.unparsed()
        found.append((kept.holding(len(records)), answer))

    fetch(request, check)
    return found[-1]


def _check_type(reply: Reply) -> None:
    """Raise BadReply for what does not even say that it is JSON."""
    if not reply.body.strip():
        raise BadReply("is empty")
    media_type = reply.headers.get("Content-Type", "")
    if not JSON_TYPE.fullmatch(media_type.strip()):
        raise BadReply(f'has the content type "{media_type}", not JSON')


def _records(page: Page, path: str | None) -> list[Any]:
    """The list of records, parsed. Raises BadReply when there is none."""
    try:
        records = page.document if path is None else jmespath.search(path, page.document)
    except MISFITS as error:
        raise BadReply(misfit(f"records: {path}", error)) from error
    except ValueError as error:
        raise BadReply(f"is not JSON: {error}") from error
    if not isinstance(records, list):
        raise BadReply(f"holds a {type(records).__name__} at {path or 'its root'}, not a list of records")
    return records
