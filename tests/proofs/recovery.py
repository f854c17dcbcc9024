"""How long after a fault has ended the next page is committed, with nobody helping: `make recovery`.

Each fault hits a run in the middle, while it waits for a page of its upstream. Another run is requested whose
message is lost. The time ends when both have committed a page.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.kit import checker, hooks
from tests.kit.fleet import fleet, wait_until
from tests.kit.nemesis import Nemesis
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage
from tests.kit.verdict import Verdict

LEASE = 3.0
HIT, LATE = Shelf("hit", "page"), Shelf("late", "page")


@dataclass
class Outage:
    """A fault of the run's world, what ends it, and the seconds within which the next commit has to come."""

    name: str
    bound: float
    begin: Callable[[int], None]
    end: Callable[[], None]


def outages(nemesis: Nemesis) -> list[Outage]:
    """What the promises name."""
    servers = nemesis.place.servers
    return [
        Outage("PostgreSQL restart", 10, lambda run_id: nemesis.crash_postgres(), servers.postgres.start),
        Outage("Redis restart", 15, lambda run_id: nemesis.crash_redis(), servers.redis.start),
        Outage("killed process", LEASE + 10, kill_executor, lambda: None),
        Outage("killed worker", LEASE + 10, lambda run_id: nemesis.kill_group(), lambda: None),
    ]


def kill_executor(run_id: int) -> None:
    """SIGKILL to the process that executes the run."""
    [*_, claimed] = (line for line in hooks.journal() if "fence" in line and line["run_id"] == run_id)
    os.kill(claimed["pid"], signal.SIGKILL)


class Pause:
    """Holds back the reply to the second page of the run that is hit."""

    def __init__(self) -> None:
        self.reached, self.over = threading.Event(), threading.Event()
        self._asked = 0

    def between(self, shelf: Shelf) -> None:
        """What the shop does between pages."""
        if shelf is HIT:
            self._asked += 1
            if self._asked == 2:
                self.reached.set()
                self.over.wait(30)


def measure(place: Stage, outage: Outage) -> tuple[list[str], float]:
    """One outage; what is wrong when all is quiet again, and the seconds from its end to the next commits."""
    pause = Pause()
    place.shop.between = pause.between
    hit = place.request(HIT.name, mode="full")
    if not pause.reached.wait(60):
        return ["the run never came to its second page"], 0.0
    outage.begin(hit)
    pause.over.set()
    outage.end()
    began = time.monotonic()
    committed = _pages(place, hit)
    late = place.request(LATE.name, mode="full", wake=False)
    wait_until(
        lambda: _pages(place, hit) > committed and _pages(place, late), seconds=60, what="the next commits"
    )
    took = time.monotonic() - began
    rows = place.wait([hit, late])
    wrong = [f"run {row.id} ended {row.state}" for row in rows.values() if row.state != "succeeded"]
    return wrong + checker.violations(place.db, place.shop), took


def _pages(place: Stage, run_id: int) -> int:
    pages: int = place.count("SELECT pages FROM runs WHERE id = :id", id=run_id)
    return pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the rounds; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each fault (default: 5)")
    rounds = parser.parse_args(arguments).rounds
    verdict = Verdict("recovery")
    with (
        stage([HIT, LATE], lease=LEASE, durable=True, MAX_ATTEMPTS="10", RECONCILE_SECONDS="5") as place,
        fleet(place.folder / "logs") as processes,
    ):
        for outage in outages(Nemesis(place, processes, Random(1))):
            times = []
            for number in range(rounds):
                wrong, took = measure(place, outage)
                times.append(took)
                wrong += [f"took {took:.1f} s"] if took > outage.bound else []
                verdict.case(f"{outage.name}, round {number + 1}", wrong, quiet=True)
            spread = f"{min(times):.1f} to {max(times):.1f} s"
            verdict.say(f"{outage.name}: next commit after {spread}; promised {outage.bound:.0f} s")
    return verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
