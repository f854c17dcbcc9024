"""Kill the worker at every operation of a run, before it and after it, once and twice: `make crash`.

The canonical run is a list of 30 records, 3 of them bad, on 3 pages, each in a commit of its own; with
`--shape together` two pages share one, with `--shape parts` it is divided, and several workers pull it. The
process that executes it is killed with SIGKILL at its nth operation at PostgreSQL, Redis or HTTP, for
n = 1, 2, 3 … until a run ends unharmed.
Nobody helps: Celery forks another process, the lease ends, `reconcile` wakes a worker, and the run goes on at
its checkpoint. After each all invariants are checked, and a run at once afterwards has to change nothing.
"""

import argparse
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tests.kit import checker, hooks
from tests.kit.fleet import fleet, wait_until
from tests.kit.hooks import AFTER, BEFORE, OF_PARTS, POINTS
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage
from tests.kit.verdict import Verdict

LANES = 8
# Renewals come by the clock, and of the pages behind the end of a list that is asked for ahead not all are
# asked for, so that one run may take a few operations more than another.
BEYOND = {"page": 5, "together": 5, "ahead": 12, "parts": 5}
POINTS_OF = {"page": POINTS, "together": POINTS, "ahead": POINTS, "parts": POINTS | OF_PARTS}
# How many pages a commit has: by themselves they would go by what waits, and no two runs would be alike.
TOGETHER_OF = {"page": 1, "together": 2, "ahead": 1, "parts": 1}


@dataclass
class Case:
    """What happens to one run: an order for each of its first executions."""

    name: str
    orders: tuple[dict[str, Any], ...]


def sweep(operations: int, beyond: int, points: Collection[str]) -> list[Case]:
    """A kill at each operation, then a second one in the execution that takes over, then the named points."""
    places = [(side, number) for number in range(1, operations + beyond + 1) for side in (BEFORE, AFTER)]
    once = [Case(f"{side} {number}", (_kill(side, number),)) for side, number in places]
    twice = [
        # The second kill wanders through the recovery, so that all pairs of places are met over a sweep.
        Case(f"{side} {number}, again at {again}", (_kill(side, number), _kill(side, again)))
        for side, number in places
        for again in (1 + number * 37 % operations,)
    ]
    named = [Case(f"{point}, time {nth}", (_kill(point, nth),)) for point in points for nth in (1, 2, 3)]
    return once + twice + named


def _kill(at: str, nth: int) -> dict[str, Any]:
    return {"do": "kill", "at": at, "nth": nth}


def unharmed(place: Stage, shelf: Shelf) -> int:
    """How many operations every canonical run takes when nothing happens to it.

    The least of three: renewals come by the clock, and the first run of a process has many.
    """
    return min(_operations(place, shelf) for _ in range(3))


def _operations(place: Stage, shelf: Shelf) -> int:
    place.empty(shelf)
    run_id = place.request(shelf.name)
    place.wait([run_id])
    # The run's row tells of its end before the worker writes how many operations it took.
    return max(wait_until(lambda: _noted(run_id), seconds=10, what="the count of the run's operations"))


def _noted(run_id: int) -> list[int]:
    return [
        line["operations"] for line in hooks.journal() if line.get("operations") and line["run_id"] == run_id
    ]


def play(place: Stage, lanes: list[Shelf], cases: list[Case]) -> dict[str, list[str]]:
    """Run one case on each lane at the same time; what is wrong afterwards, by the case's name."""
    requested = {
        shelf.name: place.request(shelf.name, *case.orders) for shelf, case in zip(lanes, cases, strict=True)
    }
    rows = place.wait(requested.values(), seconds=90)
    prints = [checker.fingerprint(place.db, shelf) for shelf in lanes]
    again = [place.request(shelf.name, mode="full") for shelf in lanes]
    repeated = place.wait(again, seconds=60)
    found = {}
    for shelf, case, run_id, fingerprint in zip(lanes, cases, again, prints, strict=True):
        wrong = checker.violations(place.db, place.shop, [shelf])
        first, second = rows[requested[shelf.name]], repeated[run_id]
        if first.state != "succeeded" or second.state != "succeeded":
            wrong.append(f"the runs ended {first.state} ({first.error_message}) and {second.state}")
        if second.inserted or second.updated or checker.fingerprint(place.db, shelf) != fingerprint:
            wrong.append("a run at once afterwards changed rows")
        found[case.name] = wrong
    return found


def kills() -> list[dict[str, Any]]:
    """The orders that were carried out."""
    return [line for line in hooks.journal() if line.get("do")]


def unmet(cases: list[Case], operations: int, beyond: int) -> list[str]:
    """Where nobody was killed: of the canonical run's operations, and of each point's first time.

    Renewals come by the clock, so the last few operations and that point are not sure to be met; nor is any
    operation where several workers share a run, for nobody knows who does what.
    """
    met = {(line["at"], line["nth"]) for line in kills()}
    first = [case.orders[0] for case in cases]
    sure = [
        (order["at"], order["nth"])
        for order in first
        if (order["nth"] <= operations - beyond if order["at"] in (BEFORE, AFTER) else order["nth"] == 1)
        and order["at"] != "renewing"
    ]
    return [f"nobody was killed {at} {nth}" for at, nth in sorted(set(sure) - met)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the sweep; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cases", type=int, default=0, help="only so many, spread over the sweep (default: all)"
    )
    parser.add_argument("--shape", choices=BEYOND, default="page", help="how the list is asked for")
    asked = parser.parse_args(arguments)
    wanted, shape, beyond = asked.cases, asked.shape, BEYOND[asked.shape]
    verdict = Verdict("crash")
    asked_as = "page" if shape == "together" else shape
    shelves = [Shelf("canon", asked_as), *(Shelf(f"lane{number}", asked_as) for number in range(LANES))]
    pinned = {hooks.TOGETHER: str(TOGETHER_OF[shape])}
    with stage(shelves, MAX_ATTEMPTS="10", **pinned) as place, fleet(place.folder / "logs", concurrency=4):
        operations = unharmed(place, shelves[0])
        verdict.say(f"the canonical run takes {operations} operations; {LANES} runs at a time")
        cases = sweep(operations, beyond, POINTS_OF[shape])
        cases = cases[:: max(1, len(cases) // wanted)] if wanted else cases
        for begin in range(0, len(cases), LANES):
            batch = cases[begin : begin + LANES]
            lanes = shelves[1 : len(batch) + 1]
            for shelf in lanes:
                place.empty(shelf)
            for name, wrong in play(place, lanes, batch).items():
                verdict.case(name, wrong, quiet=True)
        last = max((line["nth"] for line in kills() if line["at"] in (BEFORE, AFTER)), default=0)
        verdict.say(
            f"{len(kills())} kills, the last at operation {last}; those set beyond it found an unharmed run"
        )
        sure = 0 if shape == "parts" else operations
        verdict.case("every order was met", unmet(cases, sure, beyond))
        verdict.case("at rest", checker.at_rest(place.db, place.broker, lease=place.lease))
    return verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
