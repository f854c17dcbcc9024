"""Does cost grow with what stands already? Our loads of a file and of one ten times as long, then deltas.

Both tables live side by side, and their deltas take turns: the same number of changed rows, spread over the
whole table.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import polars as pl

from bench.chains import Case, our_step
from bench.content import OURS, Content, content, of_file
from bench.declared import CSV
from bench.floor import DATA
from bench.inputs import HEADER, SEED, Inputs, append, blocks, csv_lines
from bench.measure import play, progress
from bench.rows import changed, standing
from bench.site import Site
from bench.steps import Chain, Sample, Step

TIMES = 10
# Of the small table one row in a hundred changes, of the large one as many rows.
ONE_IN = 100
GROWTH = {
    "load1": Case("First load of the file", ""),
    "load10": Case(f"First load of a file {TIMES} times as long", ""),
    "delta1": Case("Changed rows into the small table", ""),
    "delta10": Case("As many changed rows into the large table", ""),
}
UPDATE = "UPDATE oracle AS o SET price = d.price, updated = d.updated FROM delta AS d WHERE o.key = d.key"


def growth(at: Site, rows: int, deltas: int) -> Iterator[list[Sample]]:
    """Write the files of both sizes, then yield the samples of both loads, then of each pair of deltas."""
    progress.print(f"writing {rows:,} and {rows * TIMES:,} rows ...", style="dim")
    folder = at.folder / "growth"
    folder.mkdir()
    broken = {size: write(folder, size, rows, deltas) for size in (1, TIMES)}
    oracles = {name: found for size in (1, TIMES) for name, found in expected(at, folder, size, deltas)}
    steps = [
        step
        for number in range(deltas + 1)
        for size in (1, TIMES)
        for step in (_load(size, rows, broken[size]) if number == 0 else _delta(size, number),)
    ]
    inputs = Inputs(folder, rows, 0, 0, 0)
    chain = Chain({_database(size): CSV for size in (1, TIMES)}, tuple(steps))
    samples = play(chain, at, inputs, oracles)
    while pair := list(islice(samples, 2)):
        yield pair


def write(folder: Path, size: int, rows: int, deltas: int) -> int:
    """Write the dirty and the clean file of one size and its deltas; return how many rows are broken."""
    broken = 0
    for part in blocks(rows * size, SEED):
        clean = standing(part)
        broken += int((part["broken"] != "").sum())
        append(folder / f"dirty{size}.csv", csv_lines(part), HEADER)
        append(folder / f"clean{size}.csv", csv_lines(clean), HEADER)
        for number in range(1, deltas + 1):
            mine = changed(clean, ONE_IN * size, seed=SEED, times=number).filter(pl.col("mine"))
            append(folder / f"delta{size}-{number}.csv", csv_lines(mine), HEADER)
    return broken


def expected(at: Site, folder: Path, size: int, deltas: int) -> Iterator[tuple[str, Content]]:
    """What must stand after the load and after each delta, worked out in plain SQL."""
    at.postgres.create("oracle")
    with closing(at.connect("oracle")) as db, db.cursor() as cursor:
        yield f"clean{size}.csv", of_file(db, folder / f"clean{size}.csv")
        cursor.execute("DROP TABLE IF EXISTS delta; CREATE TABLE delta (LIKE oracle)")
        cursor.execute("ALTER TABLE delta DROP COLUMN id")
        for number in range(1, deltas + 1):
            name = f"delta{size}-{number}.csv"
            cursor.execute("TRUNCATE delta")
            with (folder / name).open() as file:
                cursor.copy_expert(f"COPY delta ({DATA}) FROM STDIN CSV HEADER", file)
            cursor.execute(UPDATE)
            yield name, content(db, "oracle", OURS)


def _database(size: int) -> str:
    return f"growth{size}"


def _load(size: int, rows: int, broken: int) -> Step:
    counts = {"fetched": rows * size, "rejected": broken}
    file, oracle = (f"dirty{size}.csv", "coins.csv"), f"clean{size}.csv"
    return our_step(f"load{size}", _database(size), "incremental", oracle=oracle, file=file, counts=counts)


def _delta(size: int, number: int) -> Step:
    name = f"delta{size}-{number}.csv"
    return our_step(
        f"delta{size}",
        _database(size),
        "incremental",
        oracle=name,
        file=(name, "coins.csv"),
        counts={"inserted": 0, "rejected": 0},
    )
