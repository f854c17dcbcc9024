"""Random faults from a seed, one to three at a time, while lists change under the runs: `make chaos`.

In each iteration the lists of six sources change, a run of each is requested, and the nemesis draws its
faults. Then it rests. All runs have to end by themselves; one undisturbed run of each source has to bring the
tables to what the upstreams offer, and one more has to change nothing. `make chaos N=1 SEED=7 FIRST=42` plays
the 42nd iteration of seed 7 again.
"""

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from random import Random

from tests.kit import checker
from tests.kit.fleet import Fleet, fleet
from tests.kit.nemesis import Nemesis
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage
from tests.kit.verdict import Verdict

LEASE = 2.0
# Long enough for a killed worker, its lease, and PostgreSQL's recovery; far above what is measured.
PATIENCE = 60.0
# Every raw page is looked at after each iteration, so the tables are emptied now and then.
ERA = 25
# What happens to lists, and how often. Bad records are few: a run of rejects alone would be stopped as drift.
HAPPENS = {"add": 6, "late": 4, "bad": 1, "change": 8, "remove": 5}


def shelves() -> list[Shelf]:
    """One of each shape, and one more of changes."""
    shapes = ("page", "cursor", "since", "file", "ahead", "since")
    return [Shelf(f"{shape}{number}", shape) for number, shape in enumerate(shapes)]


def change(place: Stage, shelf: Shelf, chance: Random) -> None:
    """A few things happen to a list."""
    for _ in range(chance.randrange(1, 4)):
        [happens] = chance.choices(list(HAPPENS), HAPPENS.values())
        if happens == "change":
            shelf.change(chance)
        elif happens == "remove":
            shelf.remove(chance)
        else:
            shelf.add(good=happens != "bad", late=60.0 if happens == "late" else 0.0)
    place.shop.write_file(shelf)


class Restless:
    """Lists that change while they are being read."""

    def __init__(self, place: Stage, chance: Random) -> None:
        self.place, self.chance, self.lock = place, chance, threading.Lock()

    def between(self, shelf: Shelf) -> None:
        """Now and then, after a page was served."""
        with self.lock:
            if self.chance.random() < 0.2:
                change(self.place, shelf, self.chance)


def iteration(place: Stage, processes: Fleet, chance: Random) -> tuple[list[str], list[str]]:
    """One iteration; the faults that were made, and what is wrong afterwards."""
    lists = list(place.shop.shelves.values())
    for shelf in lists:
        change(place, shelf, chance)
    nemesis = Nemesis(place, processes, chance)
    place.shop.between = Restless(place, Random(chance.random())).between
    mode = chance.choice(["incremental", "full"])
    run_ids = [place.request(shelf.name, mode=mode, wake=chance.random() < 0.8) for shelf in lists]
    faults = nemesis.draw()
    for name in faults:
        time.sleep(chance.random())
        nemesis.make(name)
    nemesis.heal()
    place.shop.between = lambda shelf: None
    try:
        place.wait(run_ids, seconds=PATIENCE)
        return faults, converged(place, lists)
    except TimeoutError as error:
        return faults, [str(error)]


def converged(place: Stage, lists: list[Shelf]) -> list[str]:
    """What is wrong after an undisturbed run of each list, and after one more."""
    first = place.wait([place.request(shelf.name, mode=_whole(shelf)) for shelf in lists], seconds=PATIENCE)
    wrong = checker.violations(place.db, place.shop)
    prints = [checker.fingerprint(place.db, shelf) for shelf in lists]
    again = place.wait([place.request(shelf.name, mode="full") for shelf in lists], seconds=PATIENCE)
    for row in [*first.values(), *again.values()]:
        if row.state != "succeeded":
            wrong.append(f"undisturbed run {row.id} of {row.source} ended {row.state}: {row.error_message}")
    wrong += [
        f"run {row.id} of {row.source} changed rows" for row in again.values() if row.inserted or row.updated
    ]
    if prints != [checker.fingerprint(place.db, shelf) for shelf in lists]:
        wrong.append("a run at once afterwards wrote rows")
    return wrong + checker.at_rest(place.db, place.broker, lease=place.lease)


def _whole(shelf: Shelf) -> str:
    """Paging by number over a list that moves may miss records until it is read again while it rests."""
    return "incremental" if shelf.shape == "since" else "full"


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the iterations; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="begin at this iteration of the seed")
    asked = parser.parse_args(arguments)
    verdict, made = Verdict("chaos"), Counter[str]()
    with (
        stage(shelves(), lease=LEASE, durable=True, MAX_ATTEMPTS="50") as place,
        fleet(place.folder / "logs", workers=2, concurrency=3) as processes,
    ):
        verdict.say(f"seed {asked.seed}, iterations {asked.first} to {asked.first + asked.iterations - 1}")
        for number in range(asked.first, asked.first + asked.iterations):
            faults, wrong = iteration(place, processes, Random(f"{asked.seed}-{number}"))
            made.update(faults)
            verdict.case(f"seed {asked.seed} iteration {number}: {', '.join(faults)}", wrong, quiet=True)
            if wrong:
                verdict.tell(processes)
                break
            if number % 10 == 0:
                verdict.say(f"{number} iterations, {processes.restarts} processes started again")
            if number % ERA == 0:
                for shelf in place.shop.shelves.values():
                    place.empty(shelf)
    for name, times in sorted(made.items()):
        verdict.say(f"{times:5} times: {name}")
    return verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
