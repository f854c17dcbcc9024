"""The broker may lose anything: tiny runs while workers are killed and Redis is emptied: `make broker`.

Every run that was requested has to end, with each of its pages loaded once, though messages are lost with the
workers that held them and with every FLUSHALL.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from random import Random

from tests.kit import checker
from tests.kit.fleet import Fleet, fleet, wait_until
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage
from tests.kit.verdict import Verdict

SOURCES = 60
WORKERS = 2
OPEN = "SELECT source FROM runs WHERE state IN ('queued', 'running')"


class Faults:
    """Kills and flushes, spread evenly over the runs that end."""

    def __init__(self, runs: int, kills: int, flushes: int) -> None:
        self.kills = [runs * number // (kills + 1) for number in range(1, kills + 1)]
        self.flushes = [runs * number // (flushes + 1) for number in range(1, flushes + 1)]
        self.made = {"kills": 0, "flushes": 0}

    def make(self, ended: int, place: Stage, processes: Fleet, chance: Random) -> None:
        """Whatever is due now that so many runs have ended."""
        while self.kills and ended >= self.kills[0]:
            self.kills.pop(0)
            processes.signal(chance.choice(processes.workers()), signal.SIGKILL, group=True)
            self.made["kills"] += 1
        while self.flushes and ended >= self.flushes[0]:
            self.flushes.pop(0)
            place.broker.flushall()
            self.made["flushes"] += 1


def play(place: Stage, processes: Fleet, runs: int, faults: Faults, chance: Random) -> list[int]:
    """Keep every source busy until so many runs were requested, making faults meanwhile; their ids."""
    requested: list[int] = []

    def step() -> bool:
        busy = set(place.column(OPEN))
        for shelf in place.shop.shelves.values():
            if len(requested) < runs and shelf.name not in busy:
                requested.append(place.request(shelf.name, mode="full"))
        faults.make(len(requested) - len(busy), place, processes, chance)
        return len(requested) == runs and not busy

    wait_until(step, seconds=1800, what=f"{runs} runs to end")
    return requested


def main(arguments: Sequence[str] | None = None) -> int:
    """Play it; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=30, help="of a whole worker, with SIGKILL")
    parser.add_argument("--flushes", type=int, default=3, help="FLUSHALL of Redis")
    parser.add_argument("--sources", type=int, default=SOURCES)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    verdict, chance = Verdict("broker"), Random(asked.seed)
    faults = Faults(asked.runs, asked.kills, asked.flushes)
    shelves = [Shelf(f"tiny{number}", "page", size=4, bad=1) for number in range(asked.sources)]
    with (
        stage(shelves, lease=2.0, MAX_ATTEMPTS="20") as place,
        fleet(place.folder / "logs", workers=WORKERS, concurrency=2) as processes,
    ):
        run_ids = play(place, processes, asked.runs, faults, chance)
        for row in place.states(run_ids).values():
            wrong = [] if row.state == "succeeded" else [f"ended {row.state}: {row.error_message}"]
            verdict.case(f"run {row.id} of {row.source}", wrong, quiet=True)
        verdict.case("as many runs as were requested", _surplus(place, run_ids))
        verdict.case("nothing lost, nothing doubled", checker.violations(place.db, place.shop))
        verdict.case("at rest", checker.at_rest(place.db, place.broker, lease=place.lease))
        verdict.say(f"{len(run_ids)} runs of {len(shelves)} sources; {faults.made}")
    return verdict.finish()


def _surplus(place: Stage, run_ids: list[int]) -> list[str]:
    there = place.count("SELECT count(*) FROM runs")
    return [] if there == len(set(run_ids)) == len(run_ids) else [f"{len(run_ids)} requested, {there} there"]


if __name__ == "__main__":
    sys.exit(main())
