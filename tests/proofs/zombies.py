"""Stop a worker for longer than its lease, let another take its run over, then wake it: `make zombies`.

A process that is stopped in the middle of a page believes, when it wakes up, that the run is still its own.
Whatever it does then must come to nothing: the fence of its source has moved on. It is stopped by SIGSTOP at
each named point and at operations all over a run; the takeover has two leases of time.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any

from tests.kit import checker, hooks
from tests.kit.fleet import fleet, wait_until
from tests.kit.hooks import AFTER, BEFORE, OF_PARTS, POINTS
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage
from tests.kit.verdict import Verdict

SHAPES = ("page", "cursor", "since", "file", "parts")
LANES = len(SHAPES)
ONCE = ("finishing", "planned", "leaving", "settling")
LEASE = 3.0


def stops(rounds: int, chance: Random) -> list[dict[str, Any]]:
    """Where each round stops its worker: the named points in turn, operations in between.

    The file has one page, so its lane passes each point once and comes to fewer operations.
    """
    points = {shape: list(POINTS) + (list(OF_PARTS) if shape == "parts" else []) for shape in SHAPES}
    places = []
    for number in range(rounds):
        shape = SHAPES[number % LANES]
        file = shape == "file"
        named = [point for point in points[shape] if point != "renewing"]
        point = named[number // 2 % len(named)]
        nth = 1 if file or point in ONCE else 1 + number // 2 % 2
        anywhere = (chance.choice([BEFORE, AFTER]), chance.randrange(1, 30 if file else 55))
        place, nth = (point, nth) if number // LANES % 2 else anywhere
        places.append({"do": "stop", "at": place, "nth": nth})
    return places


def play(
    place: Stage, lanes: list[Shelf], orders: list[dict[str, Any]], chance: Random
) -> tuple[list[str], list[float]]:
    """One round on each lane; what is wrong afterwards, and how long each takeover took in seconds."""
    for shelf in lanes:
        shelf.change(chance)
        shelf.add()
        place.shop.write_file(shelf)
    pairs = zip(lanes, orders, strict=True)
    run_ids = [place.request(shelf.name, order, mode="full") for shelf, order in pairs]
    rows = place.wait(run_ids, seconds=10 * LEASE)
    wrong = [
        f"run {row.id} ended {row.state}: {row.error_message}"
        for row in rows.values()
        if row.state != "succeeded"
    ]
    stopped = [line for line in hooks.journal() if line.get("do") and line["run_id"] in run_ids]
    for line in stopped:
        os.kill(line["pid"], signal.SIGCONT)
    for line in stopped:
        wait_until(
            lambda line=line: _left(line), seconds=30, what=f"the zombie of run {line['run_id']} to leave"
        )
    wrong += checker.violations(place.db, place.shop, lanes)
    return wrong, [_takeover(line) for line in stopped]


def _left(stop: dict[str, Any]) -> bool:
    """Whether the process that was stopped has left the run since."""
    return any(
        line["run_id"] == stop["run_id"] and line["pid"] == stop["pid"] and line["time"] > stop["time"]
        for line in hooks.journal()
        if "outcome" in line
    )


def _takeover(stop: dict[str, Any]) -> float:
    """Seconds from the stop to the claim of another, on the run or the part; 0 when it had ended already."""
    claims = [
        line["time"] - stop["time"]
        for line in hooks.journal()
        if ("fence" in line or ("token" in line and line["part"] == stop["part"]))
        and (line["run_id"] == stop["run_id"] and line["time"] > stop["time"])
    ]
    return min(claims, default=0.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the rounds; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    chance, verdict = Random(asked.seed), Verdict("zombies")
    shelves = [Shelf(shape, shape) for shape in SHAPES]
    orders, times = stops(asked.rounds, chance), []
    with (
        stage(shelves, lease=LEASE, MAX_ATTEMPTS="10") as place,
        fleet(place.folder / "logs", workers=2, concurrency=4) as processes,
    ):
        try:
            for begin in range(0, len(orders), LANES):
                batch = orders[begin : begin + LANES]
                wrong, takeovers = play(place, shelves[: len(batch)], batch, chance)
                times += takeovers
                named = ", ".join(f"{order['at']} {order['nth']}" for order in batch)
                wrong += [f"a takeover took {took:.1f} s" for took in takeovers if took > 2 * LEASE]
                for _ in batch:
                    verdict.case(f"stopped at {named}", wrong, quiet=True)
        except TimeoutError as error:
            verdict.case("everything ends", [str(error)])
            verdict.tell(processes)
        finally:
            _wake_all()
        verdict.case("at rest", checker.at_rest(place.db, place.broker, lease=place.lease))
    longest = max(times, default=0)
    # An order may lie behind the end of its run, but not many do.
    missed = (
        []
        if len(times) >= 0.9 * len(orders)
        else [f"only {len(times)} of {len(orders)} rounds stopped a worker"]
    )
    verdict.case("workers were stopped", missed)
    verdict.say(f"{len(times)} stops past a lease of {LEASE:.0f} s; takeovers took up to {longest:.1f} s")
    return verdict.finish()


def _wake_all() -> None:
    """A process that stays stopped would not be seen to end."""
    for line in hooks.journal():
        with suppress(ProcessLookupError):
            if line.get("do") == "stop":
                os.kill(line["pid"], signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(main())
