"""All rounds of a run: the oracles first, then each chain once a round, in an order of its own."""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from bench.chains import chains
from bench.content import Content, of_file
from bench.inputs import SEED, write
from bench.measure import play, progress
from bench.peers import Peer, peer_chain
from bench.site import Site, paged_api
from bench.steps import Sample

ORACLES = ("clean.csv", "clean_changed.csv", "clean_far.csv")


def rounds(at: Site, rows: int, many: int, cases: set[str], peers: Sequence[Peer]) -> Iterator[list[Sample]]:
    """Write the files, then yield the samples of each round."""
    (at.folder / "inputs").mkdir()
    progress.print(f"writing {rows:,} rows in each form ...", style="dim")
    inputs = write(at.folder / "inputs", rows)
    oracles = {name: oracle(at, inputs.file(name)) for name in ORACLES}
    chance = random.Random(SEED)
    with paged_api(at, inputs):
        for number in range(1, many + 1):
            order = chains(at, inputs, cases, number)
            order += [made for peer in peers if (made := peer_chain(peer, at, inputs, cases, number))]
            chance.shuffle(order)
            progress.print(f"round {number} of {many}", style="dim")
            yield [sample for chain in order for sample in play(chain, at, inputs, oracles)]


def oracle(at: Site, clean: Path) -> Content:
    """What must stand when a clean file was loaded."""
    at.postgres.create("oracle")
    with closing(at.connect("oracle")) as db:
        return of_file(db, clean)
