"""What goes to an upstream and what comes back: Request, Reply, and what can be wrong with a reply."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import requests

from ingest.http import auth
from ingest.http.auth import Auth, substituted
from ingest.http.redaction import looks_secret, redact, tidy

# Shorter values of references (a number, a currency) would mask half of every message.
LEAST_SECRET = 4
# A URL of messages: an upstream may name a next page as long as it likes.
LONGEST_URL = 1000
TOO_LATE = "the reply took longer than its total timeout"
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Request:
    """One question to an upstream, with its limits. Durations are seconds, sizes bytes.

    `auth` is the catalogue's: type header, bearer, query or basic. `rate` is the host's quota, like
    30/minute. `total_timeout` is for one attempt; `retries` come on top of the first attempt.
    `allow_private`: whether it may go to addresses that are not public; None: as the client has it.
    `hidden`: texts of the URL that no message may show.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    auth: Auth | None = field(default=None, repr=False)
    rate: str | None = None
    max_body: int = 16 * 1024**2
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 120.0
    retries: int = 4
    allow_private: bool | None = None
    hidden: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def secrets(self) -> frozenset[str]:
        """Every text of this request that no message may show."""
        named = [*self.headers.items(), *self.params.items()]
        telling = {value for name, value in named if looks_secret(name) and value}
        referred = {text for part in (self.headers, self.params, self.body) for text in substituted(part)}
        long = {text for text in referred if len(text) >= LEAST_SECRET}
        return auth.secrets(self.auth) | self.hidden | telling | long

    @property
    def shown(self) -> str:
        """The URL with its query, as a message may show it."""
        mark = "&" if "?" in self.url else "?"
        query = mark + urlencode(self.params) if self.params else ""
        return tidy(redact(self.url + query, self.secrets), most=LONGEST_URL)

    def prepared(self) -> requests.PreparedRequest:
        """What goes on the wire, with the credential."""
        headers = {"User-Agent": "kasparro", "Accept-Encoding": "gzip", **self.headers}
        return requests.Request(
            self.method,
            self.url,
            headers=headers | auth.headers(self.auth),
            params={**self.params, **auth.params(self.auth)},
            json=self.body,
        ).prepare()


def referred_in_path(url: str) -> frozenset[str]:
    """What references of a catalogue's file became in the path of a URL; its host may be shown."""
    path = urlsplit(url).path
    return frozenset(text for text in substituted(url) if len(text) >= LEAST_SECRET and text in path)


@dataclass(frozen=True)
class Reply:
    """A whole reply: its URL is redacted, its body decompressed, `next` the URL of its Link header."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    next: str | None = None


class Hiccup(Exception):
    """An attempt that failed in a way that may pass; `after` is what the upstream asked to wait.

    `everyone`: the upstream asked all who use it from here, not only for this request.
    """

    def __init__(
        self, message: str, *, kind: str, after: float | None = None, everyone: bool = False
    ) -> None:
        super().__init__(message)
        self.kind, self.after, self.everyone = kind, after, everyone


class BadReply(Hiccup):
    """A reply with a good status that is no good all the same: HTML, truncated JSON, an empty body."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="reply")


def within_origin(base: str, named: str) -> str | None:
    """The URL that an upstream names for going on, made absolute; None when it leads away from the origin.

    So whoever steers it reaches the host and port that the source declares, and nothing else.
    """
    try:
        target = urljoin(base, named)
    except ValueError:
        return None
    return target if same_origin(base, target) else None


def same_origin(first: str, second: str) -> bool:
    """True when both URLs have one scheme, host and port, and neither hides a user in its host."""
    try:
        return _origin(urlsplit(first)) == _origin(urlsplit(second))
    except ValueError:
        return False


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    if "@" in parts.netloc:
        raise ValueError("holds credentials")
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
