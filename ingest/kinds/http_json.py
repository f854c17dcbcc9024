"""REST APIs that answer JSON: each reply is a page."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from ingest.http.client import BadReply, Http, Reply, Request
from ingest.kinds.paginators import PAGINATORS, Answer, Step, Steps, Watch, asked
from ingest.kinds.watermark import Value, asked_from, canonical, greatest, highest, restored
from ingest.page import JSON, Page, Position

JSON_TYPE = re.compile(r"(application|text)/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)

Find = Callable[[Any], Any]


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
) -> Iterator[Page]:
    """Yield a page for each reply; `records` is the JMESPath of the list of records, None: the whole body.

    A run that was cut short goes on at its next page with the same `since`; the next run begins anew from
    the watermark. Raises SourceBroken, TryLater, Stopped.
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
    )
    options = paginate or {"type": "none"}
    sweep = _begun(positions.get("", {}), options, since)
    steps = PAGINATORS[options["type"]](_since(request, sweep, since), options, sweep.state)
    yield from _pages(http, steps, sweep, Watch(max_pages, number=sweep.number), records)


@dataclass
class Sweep:
    """One reading of the whole list, perhaps over several runs: what its positions hold."""

    type: str
    since: Mapping[str, Any] | None
    state: dict[str, Any]
    began: datetime
    number: int = 0
    asked: str | None = None
    old: Value | None = None
    high: Value | None = None

    def see(self, records: list[Any]) -> None:
        """Move the high-water mark."""
        if self.since is not None:
            self.high = greatest([self.high, highest(self.since, records, self.began)])

    def position(self, following: Step | None, number: int) -> Position:
        """Where the source stands after a page: in the middle of the list, or at its end."""
        watermark = canonical(greatest([self.old, self.high]))
        if following is None:
            return {} if watermark is None else {"watermark": watermark}
        return {
            "type": self.type,
            "next": following[1],
            "page": number,
            "began": self.began.isoformat(),
            "since": self.asked,
            "watermark": canonical(self.old),
            "high": canonical(self.high),
        }


def _begun(position: Position, options: Mapping[str, Any], since: Mapping[str, Any] | None) -> Sweep:
    """The sweep that the position interrupted, if the list is still read in the same way; else a new one."""
    old = None if since is None else restored(position.get("watermark"))
    if "next" not in position or position.get("type") != options["type"]:
        asked_with = None if since is None else asked_from(since, old)
        return Sweep(options["type"], since, {}, datetime.now(UTC), asked=asked_with, old=old)
    return Sweep(
        options["type"],
        since,
        position["next"],
        datetime.fromisoformat(position["began"]),
        number=position["page"],
        asked=position["since"],
        old=old,
        high=None if since is None else restored(position["high"]),
    )


def _since(request: Request, sweep: Sweep, since: Mapping[str, Any] | None) -> Request:
    if since is None or sweep.asked is None:
        return request
    return asked(request, {since["param"]: sweep.asked})


def _pages(http: Http, steps: Steps, sweep: Sweep, watch: Watch, path: str | None) -> Iterator[Page]:
    step: Step | None = next(steps)
    while step is not None:
        request = step[0]
        watch.turn(request)
        page, answer = _asked_for(http, request, path, watch.number)
        watch.look(request, answer.records)
        sweep.see(answer.records)
        step = _following(steps, answer)
        yield page.standing_at(sweep.position(step, watch.number))


def _following(steps: Steps, answer: Answer) -> Step | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def _asked_for(http: Http, request: Request, path: str | None, number: int) -> tuple[Page, Answer]:
    """Fetch one page. The reply is looked at where it can still be asked for again."""
    found: list[tuple[Page, Answer]] = []

    def check(reply: Reply) -> None:
        sent = {"method": request.method, "url": reply.url, "status": reply.status}
        page = Page(reply.body, JSON, {**sent, "page": number, "records": path}, None)
        found.append((page, Answer(_document(page, reply), _records(page, path), reply.next)))

    http.fetch(request, check)
    return found[-1]


def _document(page: Page, reply: Reply) -> Any:
    """The parsed body. Raises BadReply for whatever is not JSON."""
    if not reply.body.strip():
        raise BadReply("is empty")
    media_type = reply.headers.get("Content-Type", "")
    if not JSON_TYPE.fullmatch(media_type.strip()):
        raise BadReply(f"has the content type {media_type!r}, not JSON")
    try:
        return page.document
    except ValueError as error:
        raise BadReply(f"is not JSON: {error}") from error


def _records(page: Page, path: str | None) -> list[Any]:
    """The list of records. Raises BadReply when there is none."""
    try:
        records = page.document if path is None else jmespath.search(path, page.document)
    except JMESPathError as error:
        raise BadReply(f"does not fit records: {path}: {error}") from error
    if not isinstance(records, list):
        raise BadReply(f"holds a {type(records).__name__} at {path or 'its root'}, not a list of records")
    return records
