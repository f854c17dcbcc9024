"""What is measured of one server: a page, one far on, a walk, an export; and that the answers are right."""

import http.client
import json
import threading
import time
import urllib.request
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.read_load import in_turn, load
from bench.read_servers import Serving
from webapp import paging

PAGE = "/data?limit=100"
FIRST_ROWS = "/data?limit=1000"
WALKED = 500
PART = 1 << 20


def page(at: Serving, seconds: int) -> dict[str, float]:
    """The first page under load."""
    load(at.url(PAGE), 1)
    before = at.cpu_seconds()
    found = load(at.url(PAGE), seconds)
    spent = at.cpu_seconds() - before
    shown = {"requests_per_s": found.per_second, "p50_ms": found.p50_ms, "p99_ms": found.p99_ms}
    return shown | {"server_us": spent / found.requests * 1e6, "memory_mb": at.memory_mb()}


def rows(at: Serving) -> Any:
    """The first thousand rows, their numbers by their digits."""
    return _json(at.url(FIRST_ROWS))["data"]


def far(at: Serving, number: int, seconds: int) -> dict[str, float]:
    """Page 1 and the page with this number under load, in turn."""
    cursor = _cursor_before(at, number)
    url = at.url(f"{PAGE}&cursor={cursor}")
    first = int(_json(url)["data"][0]["id"])
    if first != (number - 1) * 100 + 1:
        raise RuntimeError(f"page {number} begins with row {first}")
    near, away = in_turn([at.url(PAGE), url], seconds)
    return {"first_p99_ms": near.p99_ms, "far_p99_ms": away.p99_ms}


def _cursor_before(at: Serving, number: int) -> str:
    """The cursor that a client holds who has walked so far."""
    own = _json(at.url(PAGE))["page"]["next_cursor"]
    belongs = json.loads(urlsafe_b64decode(own + "=" * (-len(own) % 4)))[2]
    last = (number - 1) * 100
    return paging.encode(paging.Place(last, last), belongs)


def walk(at: Serving) -> dict[str, float]:
    """One client that follows the cursors: no request is like another."""
    target = urlsplit(at.url(PAGE))
    connection = http.client.HTTPConnection(target.netloc, timeout=30)
    path, took = f"{target.path}?{target.query}", []
    for _ in range(WALKED):
        began = time.perf_counter()
        connection.request("GET", path)
        reply = connection.getresponse()
        found = json.loads(reply.read())
        took.append(time.perf_counter() - began)
        path = f"{PAGE}&cursor={found['page']['next_cursor']}"
    connection.close()
    took.sort()
    return {"p50_ms": took[WALKED // 2] * 1000, "p99_ms": took[WALKED * 99 // 100] * 1000}


def export(at: Serving, format: str, rows: int) -> dict[str, float]:
    """All rows as a stream; the most memory that server and client held more than before."""
    with Watched(at.process) as servers, Watched(psutil.Process()) as client:
        began = time.perf_counter()
        lines = _lines(at.url(f"/data?format={format}"))
        seconds = time.perf_counter() - began
    if lines - (format == "csv") != rows:
        raise RuntimeError(f"{format}: {lines} lines for {rows} rows")
    return {"rows_per_s": rows / seconds, "server_grew_mb": servers.grew_mb, "client_grew_mb": client.grew_mb}


def _lines(url: str) -> int:
    with urllib.request.urlopen(url, timeout=120) as reply:
        return sum(part.count(b"\n") for part in iter(lambda: reply.read(PART), b""))


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as reply:
        return json.loads(reply.read(), parse_float=str)


class Watched:
    """Looks at the memory of a process and its children, twenty times a second."""

    def __init__(self, process: psutil.Process) -> None:
        self.processes = [process, *process.children(recursive=True)]
        self.before = self.most = self._held()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    @property
    def grew_mb(self) -> float:
        """How much more it held at most."""
        return (self.most - self.before) / 2**20

    def __enter__(self) -> "Watched":
        self.thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self.ended.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.ended.wait(0.05):
            self.most = max(self.most, self._held())

    def _held(self) -> int:
        return sum(one.memory_info().rss for one in self.processes if one.is_running())
