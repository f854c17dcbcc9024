"""Failpoints and counted operations of a run, in a worker of the kit only.

The product knows nothing of them: `install` wraps the functions of the engine from outside, in the
processes that `celery -A tests.kit.worker` starts. A point that is passed does nothing, unless an order was
left for the run.

An order is `{"do": action, "at": point, "nth": number}`: what to do when the run passes the point for the nth
time in one execution. Each order is carried out once; the next waits for the next execution of the same run.
"""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2.extensions
import redis
import requests.adapters
from sqlalchemy import Engine, event

from ingest import ahead, batch, claims, parts, pipeline, store, traces
from ingest.http import body
from tasks import runs as run_task

# How many pages each commit has, if it is to be the same number every time.
TOGETHER = "KIT_TOGETHER"
BEFORE, AFTER = "before operation", "after operation"
# The steps of a run that have names, and the functions at which they are passed.
POINTS = {
    "fetched": (batch, "pack", "before"),
    "decoded": (batch, "normalize", "before"),
    "guarded": (claims, "guard", "after"),
    "landed": (store, "land", "after"),
    "loaded": (store, "load", "after"),
    "advanced": (store, "advance", "after"),
    "before commit": (claims, "count", "after"),
    "committed": (pipeline, "load_batch", "after"),
    "renewing": (claims, "renew", "after"),
    "finishing": (claims, "finish", "after"),
}
# Those of a run that is divided, which several workers pass.
OF_PARTS = {
    "planned": (parts, "plan", "after"),
    "part taken": (parts, "take", "after"),
    "part done": (parts, "done", "after"),
    "leaving": (parts, "left", "after"),
    "settling": (traces, "settle", "before"),
}


def folder() -> Path:
    """Where orders are left and what happened is written down."""
    return Path(os.environ["KIT_ORDERS"])


def leave(run_id: int, *orders: dict[str, Any]) -> None:
    """Leave orders for a run, one for each of its executions to come."""
    place = folder() / f"{run_id}.json"
    draft = place.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(orders))
    draft.replace(place)


def left(run_id: int) -> list[dict[str, Any]]:
    """The orders of a run that were not carried out yet."""
    try:
        return json.loads((folder() / f"{run_id}.json").read_text())
    except FileNotFoundError:
        return []


def journal() -> list[dict[str, Any]]:
    """What was carried out, and how many operations each execution took."""
    place = folder() / "journal"
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


class Execution:
    """One execution of one run in this process: what it has passed, and its order."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        orders = left(run_id)
        self.order, self.behind = next(iter(orders), None), len(orders)
        self.part: int | None = None
        self.passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def passing(self, point: str, what: str = "") -> None:
        """Count the point, and carry the order out if it is for here."""
        with self._lock:
            self.passed[point] += 1
            order = self.order
            if order is None or order["at"] != point or order["nth"] != self.passed[point]:
                return
            self.order = None
            if not self._is_first():
                return
        leave(self.run_id, *left(self.run_id)[1:])
        note(run_id=self.run_id, what=what, part=self.part, **order)
        ACTIONS[order["do"]]()

    def _is_first(self) -> bool:
        """Whether this process is the one that carries the order out, of several that execute the run."""
        try:
            (folder() / f"{self.run_id}-{self.behind}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


_executing: Execution | None = None


def passing(point: str, what: str = "") -> None:
    """A point was reached; nothing happens outside of a run."""
    if _executing is not None:
        _executing.passing(point, what)


def note(**facts: Any) -> None:
    """Write one line into the journal; O_APPEND keeps the lines of many processes whole."""
    line = json.dumps({"pid": os.getpid(), "main": os.getppid(), "time": time.time(), **facts}) + "\n"
    descriptor = os.open(folder() / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def _raise() -> None:
    raise RuntimeError("ordered by the kit")


ACTIONS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "kill main": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "kill group": lambda: os.killpg(os.getpgrp(), signal.SIGKILL),
    "terminate main": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "raise": _raise,
}


def install() -> None:
    """Wrap the named points, the doors to PostgreSQL, Redis and HTTP, and the execution of a run."""
    if together := os.environ.get(TOGETHER):
        pipeline.MOST_TOGETHER = int(together)
        ahead._Window._is_worth_taking = full
    _wrap(parts, "take", _takes)
    for point, (module, function, side) in (POINTS | OF_PARTS).items():
        _wrap(module, function, _named(point, side))
    _wrap(redis.Redis, "execute_command", _operation(lambda *args: f"redis {args[1]}"))
    _wrap(requests.adapters.HTTPAdapter, "send", _operation(lambda *args: "http send"))
    _wrap(body, "read", _operation(lambda *args: "http read"))
    event.listen(Engine, "do_connect", _connect)
    _wrap(claims, "claim", _claims)
    _wrap(run_task, "execute", _watched)
    _wrap(run_task, "join", _watched)


def full(window: Any) -> bool:
    """Whether as many pages wait as are loaded together, so that commits do not depend on the clock."""
    return window._ended or len(window._waiting) == window._most


def _wrap(owner: Any, name: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, wrapper(getattr(owner, name)))


def _named(point: str, side: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            if side == "before":
                passing(point)
            result = function(*args, **kwargs)
            if side == "after":
                passing(point)
            return result

        return watched

    return wrapper


def _operation(name: Callable[..., str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            with operation(name(*args)):
                return function(*args, **kwargs)

        return counted

    return wrapper


@contextmanager
def operation(what: str) -> Iterator[None]:
    """One operation at a door: a point before it, and one after it returned."""
    passing(BEFORE, what)
    yield
    passing(AFTER, what)


def _claims(claim: Callable[..., Any]) -> Callable[..., Any]:
    def claimed(*args: Any, **kwargs: Any) -> Any:
        got = claim(*args, **kwargs)
        if got is not None:
            note(run_id=got.run_id, fence=got.fence)
        return got

    return claimed


def _takes(take: Callable[..., Any]) -> Callable[..., Any]:
    def taken(*args: Any, **kwargs: Any) -> Any:
        got = take(*args, **kwargs)
        if got is not None and _executing is not None:
            _executing.part = got.part.number
            note(run_id=got.run_id, part=got.part.number, token=got.part.token)
        return got

    return taken


def _watched(execute: Callable[..., str]) -> Callable[..., str]:
    def watched(*args: Any, **kwargs: Any) -> str:
        global _executing
        _executing = execution = Execution(args[4])
        outcome = "raised"
        try:
            outcome = execute(*args, **kwargs)
        finally:
            _executing = None
            note(run_id=execution.run_id, outcome=outcome, operations=execution.passed[BEFORE])
        return outcome

    return watched


class CountedCursor(psycopg2.extensions.cursor):
    """A cursor whose statements are operations."""

    def execute(self, query: Any, vars: Any = None) -> None:
        with operation(f"postgres {str(query).split()[0] if str(query).split() else ''}"):
            super().execute(query, vars)

    def copy_expert(self, *args: Any, **kwargs: Any) -> None:
        with operation("postgres COPY"):
            super().copy_expert(*args, **kwargs)


class CountedConnection(psycopg2.extensions.connection):
    """A connection whose commits and rollbacks are operations too."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("cursor_factory", CountedCursor)
        return super().cursor(*args, **kwargs)

    def commit(self) -> None:
        with operation("postgres COMMIT"):
            super().commit()

    def rollback(self) -> None:
        with operation("postgres ROLLBACK"):
            super().rollback()


def _connect(dialect: Any, record: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    with operation("postgres connect"):
        return dialect.connect(*args, **kwargs, connection_factory=CountedConnection)
