"""The fault plan: which coming requests get which fault.

A step is a JSON object: `do` names the fault, `path` is a prefix of the request's path (default: any), `nth`
the first matching request that is struck, counted from 1 since the plan was set, `count` how many in a row
(0: all from then on). Every other name is an argument of the fault. A request gets all steps that strike it,
in the order of the plan.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from flask import Response

from local.sandbox import damage, spoil
from local.sandbox.damage import Scene

FAULTS: dict[str, Callable[..., Response]] = {
    fault.__name__: fault
    for fault in (
        *(damage.status, damage.html, damage.empty, damage.truncated, damage.content_type),
        *(damage.gzip, damage.slow, damage.reset, damage.tick),
        *(spoil.drift, spoil.nulls, spoil.nan, spoil.rename, spoil.extra),
    )
}
KINDS = {"path": str, "nth": int, "count": int}


class BadPlan(ValueError):
    """A step names an unknown fault or does not fit its arguments."""


@dataclass
class Step:
    """One fault, the requests that it waits for, and how many it has seen and struck."""

    do: str
    arguments: dict[str, Any]
    path: str = ""
    nth: int = 1
    count: int = 1
    seen: int = 0
    struck: int = 0

    def strikes(self, path: str) -> bool:
        """Count the request if it matches; whether it is struck."""
        if not path.startswith(self.path):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.count and self.struck >= self.count):
            return False
        self.struck += 1
        return True


def step(raw: dict[str, Any]) -> Step:
    """The step that a JSON object describes, checked; BadPlan says what is wrong."""
    if not isinstance(raw, dict) or raw.get("do") not in FAULTS:
        raise BadPlan(f"a step needs `do`, one of {', '.join(sorted(FAULTS))}; got {raw!r}")
    when = {name: raw[name] for name in KINDS if name in raw}
    arguments = {name: value for name, value in raw.items() if name not in (*when, "do")}
    wrong = [name for name, value in when.items() if not isinstance(value, KINDS[name])]
    if wrong:
        raise BadPlan(f"{raw['do']}: {', '.join(wrong)} has the wrong type")
    try:
        inspect.signature(FAULTS[raw["do"]]).bind(None, None, **arguments)
    except TypeError as error:
        raise BadPlan(f"{raw['do']}: {error}") from error
    return Step(do=raw["do"], arguments=arguments, **when)


class FaultPlan:
    """The steps that are set now. Requests of several threads are matched one after the other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._steps: list[Step] = []

    def set(self, raw: list[dict[str, Any]]) -> None:
        """Replace the plan; counting starts anew."""
        steps = [step(item) for item in raw]
        with self._lock:
            self._steps = steps

    def show(self) -> list[dict[str, Any]]:
        """The steps as JSON objects, with what each has seen and struck."""
        with self._lock:
            return [dict(vars(item)) for item in self._steps]

    def match(self, path: str) -> list[Step]:
        """The steps that strike this request."""
        with self._lock:
            return [item for item in self._steps if item.strikes(path)]


def strike(response: Response, scene: Scene, steps: list[Step]) -> Response:
    """The response after all the faults."""
    for item in steps:
        response = FAULTS[item.do](response, scene, **item.arguments)
    return response
