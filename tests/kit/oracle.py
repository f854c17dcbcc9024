"""Upstreams that own the truth: lists over HTTP and CSV files that know every record they ever offered."""

import csv
import hashlib
import io
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.upstream import Asked, Play, Step, answer, upstream

COLUMNS = ("id", "name", "price", "version", "changed_at")
PAGE = 10
# How many pages of a list by number are asked for at the same time.
AHEAD = {"page": {}, "ahead": {"ahead": 3}, "parts": {}}
AISLES = 3


@dataclass(frozen=True)
class Offer:
    """One version of one record, as it is offered. A price that is no number makes it a bad one."""

    key: str
    name: str
    price: str
    version: int
    changed_at: str

    @property
    def good(self) -> bool:
        """Whether it belongs into the dataset."""
        return self.price != "free"

    @property
    def values(self) -> tuple[Any, ...]:
        """What stands in the dataset's row."""
        return self.name, Decimal(self.price), self.version, datetime.fromisoformat(self.changed_at)

    def document(self) -> dict[str, Any]:
        """The record as an API or a file writes it."""
        return dict(
            zip(COLUMNS, (self.key, self.name, self.price, self.version, self.changed_at), strict=True)
        )


class Shelf:
    """One list of records. `shape` says how it is asked for: page, ahead, cursor, since, file, or parts.

    Of the shape parts each record is in one aisle, and some are in the next one as well.

    Keys that begin with `bad` are bad in every version, so that it is known what must be a reject.
    """

    def __init__(self, name: str, shape: str, *, size: int = 27, bad: int = 3) -> None:
        self.name, self.shape = name, shape
        self.standing: dict[str, Offer] = {}
        self.offered: dict[str, set[Offer]] = defaultdict(set)
        self.lock = threading.RLock()
        self._keys = 0
        for _ in range(size):
            self.add()
        for _ in range(bad):
            self.add(good=False)

    def add(self, *, good: bool = True, late: float = 0.0) -> None:
        """A new record; `late` seconds ago, though it appears only now."""
        self._keys += 1
        # Spread over the list, so that additions move what follows to other pages.
        place = hashlib.md5(str(self._keys).encode()).hexdigest()[:6]
        key = f"{place}-{self._keys}" if good else f"bad{place}-{self._keys}"
        self._put(Offer(key, f"thing {self._keys}", f"{self._keys}.5" if good else "free", 1, _now(late)))

    def change(self, chance: Random) -> None:
        """A new version of some good record."""
        with self.lock:
            old = self.standing[chance.choice(sorted(key for key in self.standing if key[:3] != "bad"))]
            price = f"{chance.randrange(10**6)}.25"
            self._put(replace(old, price=price, version=old.version + 1, changed_at=_now()))

    def remove(self, chance: Random) -> None:
        """Some good record is offered no more."""
        with self.lock:
            keys = sorted(key for key in self.standing if key[:3] != "bad")
            if len(keys) > 1:
                del self.standing[chance.choice(keys)]

    def _put(self, offer: Offer) -> None:
        with self.lock:
            self.standing[offer.key] = offer
            self.offered[offer.key].add(offer)

    def listed(self, since: str | None = None) -> list[Offer]:
        """The list as it is now, in its order."""
        with self.lock:
            offers = list(self.standing.values())
        if self.shape != "since":
            return sorted(offers, key=self.place)
        wanted = [offer for offer in offers if since is None or _time(offer.changed_at) >= _time(since)]
        return sorted(wanted, key=self.place)

    def reply(self, query: dict[str, str]) -> dict[str, Any]:
        """One page of the list."""
        offers = self.listed(query.get("since"))
        if self.shape == "parts":
            offers = [offer for offer in offers if int(query["aisle"]) in aisles(offer)]
        if self.shape in AHEAD:
            begin = (int(query.get("page", "1")) - 1) * PAGE
            return {"records": _documents(offers[begin : begin + PAGE])}
        behind = [offer for offer in offers if self.place(offer) > query.get("cursor", "")]
        page, more = behind[:PAGE], len(behind) > PAGE
        return {"records": _documents(page), "next": self.place(page[-1]) if more else None}

    def place(self, offer: Offer) -> str:
        """Where a record stands in the list: what a cursor is made of."""
        return f"{offer.changed_at} {offer.key}" if self.shape == "since" else offer.key

    def text(self) -> str:
        """The list as a CSV file."""
        lines = io.StringIO()
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        writer.writerows(_documents(self.listed()))
        return lines.getvalue()

    def declaration(self, url: str) -> dict[str, Any]:
        """The source of this list, as the catalogue wants it."""
        common = {"dataset": "things", "key": "id", "fields": {name: name for name in COLUMNS[1:]}}
        if self.shape == "file":
            return {"kind": "csv_file", "options": {"path": f"{self.name}.csv"}, **common}
        options: dict[str, Any] = {"url": f"{url}/{self.name}", "records": "records"}
        if self.shape in AHEAD:
            options["paginate"] = {"type": "page", "size": PAGE} | AHEAD[self.shape]
        else:
            options["paginate"] = {"type": "cursor", "param": "cursor", "path": "next"}
        if self.shape == "since":
            options["since"] = {"field": "changed_at", "param": "since", "lookback": "5m"}
        if self.shape == "parts":
            values = [str(aisle) for aisle in range(AISLES)]
            common["parts"] = {"by": "values", "param": "aisle", "values": values}
        return {"kind": "http_json", "options": options, **common}


def aisles(offer: Offer) -> set[int]:
    """Where a record lies."""
    number = int(hashlib.md5(offer.key.encode()).hexdigest()[:4], 16)
    first = number % AISLES
    return {first, (first + 1) % AISLES} if number % 2 else {first}


class Shop:
    """The HTTP server over many shelves: faults that were asked for come first, then the truth."""

    def __init__(self, shelves: list[Shelf], files: Path) -> None:
        self.shelves = {shelf.name: shelf for shelf in shelves}
        self.files = files
        self.url = ""
        self.served: set[bytes] = set()
        self.faults: dict[str, deque[Step]] = defaultdict(deque)
        self.between: Callable[[Shelf], None] = lambda shelf: None
        for shelf in shelves:
            self.write_file(shelf)

    def play(self, asked: Asked) -> Play:
        """The next fault of the shelf, or its page; then the list may change."""
        shelf = self.shelves[asked.path.strip("/")]
        with shelf.lock:
            fault = self.faults[shelf.name].popleft() if self.faults[shelf.name] else None
        if fault is not None:
            return fault if isinstance(fault, Play) else fault(asked)
        play = self.page(asked)
        self.between(shelf)
        return play

    def page(self, asked: Asked) -> Play:
        """The true page that was asked for; it is remembered that it was served."""
        play = answer(self.shelves[asked.path.strip("/")].reply(dict(asked.query)))
        self.served.add(hashlib.sha256(play.body).digest())
        return play

    def write_file(self, shelf: Shelf) -> None:
        """Put the list of a file's shelf into its place, whole at once."""
        if shelf.shape != "file":
            return
        text, place = shelf.text(), self.files / f"{shelf.name}.csv"
        draft = place.with_suffix(".draft")
        draft.write_text(text, newline="")
        draft.replace(place)


@contextmanager
def open_shop(shelves: list[Shelf], files: Path) -> Iterator[Shop]:
    """A shop that serves; its URL is that of a real server on loopback."""
    shop = Shop(shelves, files)
    with upstream(shop.play) as server:
        shop.url = server.url
        yield shop


def damaged(shop: Shop, change: Callable[[Play], Play]) -> Callable[[Asked], Play]:
    """A step that serves the true page, damaged on its way."""
    return lambda asked: change(shop.page(asked))


def _documents(offers: list[Offer]) -> list[dict[str, Any]]:
    return json.loads(json.dumps([offer.document() for offer in offers]))


def _now(ago: float = 0.0) -> str:
    return (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
