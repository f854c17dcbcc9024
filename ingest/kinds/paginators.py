"""How to get the next page of a list: one generator function for each way.

A paginator yields steps: the request for a page, and the state that asks for that page again. It is sent
the answer to each, and returns when there is no next page. Given a saved state it begins there. The
state is plain JSON without credentials. `Watch` and `_fresh` are the guards against lists without end.
"""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import jmespath

from ingest.errors import SourceBroken
from ingest.http.messages import Request, same_origin, within_origin
from ingest.http.redaction import redact, tidy
from ingest.json_text import Number
from ingest.kinds.paths import MISFITS, misfit
from ingest.page import Page

# Longer numbers stay text: JSON libraries upstream and PostgreSQL's jsonb need not agree on them.
LONGEST_NUMBER = 18
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MOST_EMPTY = 10

State = dict[str, Any]
Options = Mapping[str, Any]
Step = tuple[Request, State]


@dataclass(frozen=True)
class Answer:
    """A page, its records, parsed or only parted, the URL of its Link header, and its Date header."""

    page: Page | None
    records: Sequence[Any]
    link: str | None = None
    date: str | None = None

    @property
    def document(self) -> Any:
        """The parsed body."""
        return None if self.page is None else self.page.document


Steps = Generator[Step, Answer, None]
Paginator = Callable[[Request, Options, State], Steps]


def none(request: Request, options: Options, state: State) -> Steps:
    """One page holds everything."""
    yield request, {}


def page(request: Request, options: Options, state: State) -> Steps:
    """Pages by number, until one is empty, or short after a full one."""
    number: int = state["page"] if state else options["start"]
    fill = _Fill(options["size"], state.get("full", False))
    while True:
        target = asked(request, {options["param"]: number} | _sized(options))
        answer = yield target, {"page": number, "full": fill.full}
        if fill.ends(answer.records):
            return
        number += 1


def offset(request: Request, options: Options, state: State) -> Steps:
    """Pages by the number of records before them, until one is empty, or short after a full one."""
    skipped, fill = state.get("offset", 0), _Fill(options["size"], state.get("full", False))
    while True:
        target = asked(request, {options["param"]: skipped} | _sized(options))
        answer = yield target, {"offset": skipped, "full": fill.full}
        if fill.ends(answer.records):
            return
        skipped += len(answer.records)


def cursor(request: Request, options: Options, state: State) -> Steps:
    """Each body holds the cursor of the next page."""
    path, seen = jmespath.compile(options["path"]), set[Any]()
    while True:
        target = asked(request, {options["param"]: state["cursor"]}) if state else request
        answer = yield target, state
        following = _found(path, answer, target)
        if following in (None, "", False):
            return
        state = {"cursor": _fresh(_plain(following, request), seen, target)}


def next_url(request: Request, options: Options, state: State) -> Steps:
    """Each body holds the URL of the next page."""
    path = jmespath.compile(options["path"])
    return (yield from _by_url(request, state, lambda answer: _found(path, answer, request)))


def link(request: Request, options: Options, state: State) -> Steps:
    """Each reply has a Link header with the URL of the next page."""
    return (yield from _by_url(request, state, lambda answer: answer.link))


PAGINATORS: dict[str, Paginator] = {
    "none": none,
    "page": page,
    "offset": offset,
    "cursor": cursor,
    "next_url": next_url,
    "link": link,
}
# Those that look for the next page in the body of this one.
BY_CONTENT = {"cursor", "next_url"}


def _by_url(request: Request, state: State, find: Callable[[Answer], Any]) -> Steps:
    seen = set[Any]()
    target = request
    # A saved URL counts for nothing once the source was pointed to another host.
    if state and same_origin(request.url, state["url"]):
        target = _at(request, state)
    while True:
        answer = yield target, state
        following = find(answer)
        if following in (None, "", False):
            return
        state = _next(request, target.url, following)
        _fresh(state["url"], seen, target)
        target = _at(request, state)


def _at(request: Request, state: State) -> Request:
    """The request at a saved URL, with the parameters and the parts of its path that were kept out of it."""
    kept = {name: request.params[name] for name in state.get("with", ()) if name in request.params}
    url = state["url"]
    for mark, text in _marks(request):
        url = url.replace(mark, text)
    return replace(request, url=url, params=kept)


def _marks(request: Request) -> list[tuple[str, str]]:
    """What stands in a saved URL for each secret of the path. A URL that is sent holds no braces."""
    return [(f"${{{number}}}", text) for number, text in enumerate(sorted(request.hidden))]


def _without_secrets(url: str, request: Request) -> str:
    parts = urlsplit(url)
    path = parts.path
    for mark, text in _marks(request):
        path = path.replace(text, mark)
    return urlunsplit(parts._replace(path=path))


@dataclass
class _Fill:
    """Tells a list's last page by its size.

    A page shorter than asked for is the last only after a full one: an API that caps the size below the
    declared one sends nothing but short pages, and taking the first for the last would lose the others.
    """

    size: int | None
    full: bool

    def ends(self, records: Sequence[Any]) -> bool:
        """Whether there is nothing behind this page."""
        if not records:
            return True
        if self.size is not None and len(records) >= self.size:
            self.full = True
            return False
        return self.full


def asked(request: Request, values: Mapping[str, Any]) -> Request:
    """The request with more parameters: in the JSON object of a POST, else in the query."""
    if isinstance(request.body, dict):
        return replace(request, body={**request.body, **values})
    return replace(request, params={**request.params, **{name: str(value) for name, value in values.items()}})


def _sized(options: Options) -> dict[str, Any]:
    name = options["size_param"]
    return {} if name is None else {name: options["size"]}


def _found(path: Any, answer: Answer, request: Request) -> Any:
    try:
        return path.search(answer.document)
    except MISFITS as error:
        raise broken(request, f"the reply {misfit(path.expression, error)}") from error


def _plain(value: Any, request: Request) -> int | str:
    if isinstance(value, Number):
        return int(value) if value.isdecimal() and len(value) <= LONGEST_NUMBER else str(value)
    if isinstance(value, str):
        return value
    raise broken(request, f"the cursor is a {type(value).__name__}, not a text or a number")


def _next(request: Request, at: str, value: Any) -> State:
    """The next page's absolute URL without secrets, and the names of the parameters left out for that."""
    target = within_origin(at, value) if isinstance(value, str) else None
    if target is None:
        shown = tidy(redact(str(value), request.secrets), request.secrets)
        raise broken(request, f"the next page is at another origin, {shown}; not followed")
    parts = urlsplit(target)
    query = parse_qsl(parts.query, keep_blank_values=True)
    secret = (request.auth or {}).get("name") if (request.auth or {}).get("type") == "query" else None
    if not any(name == secret or value in request.secrets for name, value in query):
        return {"url": _without_secrets(target, request)}
    kept = [(name, value) for name, value in query if name != secret and value not in request.secrets]
    url = _without_secrets(urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), "")), request)
    names = sorted({name for name, value in query if value in request.secrets} & request.params.keys())
    return {"url": url, "with": names} if names else {"url": url}


def _fresh(state: int | str, seen: set[Any], request: Request) -> int | str:
    """The state, if it was not seen before; else the list goes round for ever."""
    if UNSTORABLE.search(str(state)):
        raise broken(request, "the next page's name holds characters that cannot be kept")
    if state in seen:
        raise broken(request, "the next page is one that was asked for before: the list goes round")
    seen.add(state)
    return state


def broken(request: Request, problem: str, *, number: int | None = None) -> SourceBroken:
    """The error of a list that does not end as it should."""
    place = "" if number is None else f"page {number}: "
    return SourceBroken(f"{place}{request.shown}: {problem}", kind="pagination")


@dataclass
class Watch:
    """Guards that hold for every paginator. `number` is the page's, from 1; `taken` are this run's."""

    most: int
    number: int = 0
    taken: int = 0
    empty: int = 0
    before: Sequence[Any] = field(default_factory=list)

    def turn(self, request: Request) -> None:
        """Another page is about to be asked for. Raises SourceBroken after too many."""
        self.number += 1
        self.taken += 1
        if self.taken > self.most:
            raise broken(request, f"more than max_pages = {self.most}", number=self.number)

    def look(self, request: Request, records: Sequence[Any]) -> None:
        """Look at what came. Raises SourceBroken when it came before, or when nothing comes any more."""
        if records and records == self.before:
            raise broken(request, "holds the same records as the page before", number=self.number)
        self.empty = 0 if records else self.empty + 1
        if self.empty > MOST_EMPTY:
            raise broken(request, f"{self.empty} empty pages in a row", number=self.number)
        self.before = records
