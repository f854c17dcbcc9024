"""`make bench`: one CSV file through the code path of a worker, beside bare COPY, on servers of its own.

    make bench ARGS="--rows 1000000 --rounds 3"

Each round makes an empty database and takes, in this order: the floor, the first load, the same file again
(the ledger knows it), the same file as a full run (every row is looked at). What stands in the table is
checked after every case. Medians and ranges go to the screen, all details to bench/out/results.json.
"""

import json
import logging
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import structlog
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench import floor
from bench.rows import Written, write
from ingest import catalog, db, runs, settings
from ingest.execute import execute
from ingest.migrate import migrate
from local.servers import Postgres, free_port

OUT = Path(__file__).parent / "out"
DATASET = """
newest_by: updated
fields:
  name: {type: string, required: true}
  symbol: string
  category: string
  price: {type: decimal, min: 0}
  market_cap: decimal
  volume: decimal
  rank: integer
  is_active: boolean
  updated: datetime
"""
SOURCE = """
dataset: coins
kind: csv_file
options: {path: coins.csv}
key: id
fields: {name: name, symbol: symbol, category: category, price: price, market_cap: market_cap, volume: volume,
         rank: rank, is_active: is_active, updated: updated_at}
"""


@contextmanager
def prepared(rows: int) -> Iterator[tuple[Path, Postgres, Written]]:
    """A folder with the files and the catalogue, and a server on its defaults for durability."""
    folder = Path(tempfile.mkdtemp(prefix="kasparro-bench-"))
    folder.chmod(0o755)
    server = Postgres(folder / "postgres", free_port())
    try:
        for name, content in (("datasets/coins.yaml", DATASET), ("sources/coins.yaml", SOURCE)):
            (folder / name).parent.mkdir()
            (folder / name).write_text(content)
        written = write(folder / "coins.csv", rows)
        floor.clean_copy(folder / "coins.csv", folder / "clean.csv")
        server.start()
        yield folder, server, written
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def quiet() -> None:
    """Leave the screen to the results."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def one_round(folder: Path, server: Postgres, written: Written, number: int) -> dict[str, float]:
    """Seconds of each case in a fresh database."""
    name = f"round{number}"
    server.create(name)
    os.environ.update(DATABASE_URL=server.url(name), CATALOG_DIR=str(folder), FILES_ROOT=str(folder))
    for cached in (settings.settings, catalog.catalog, db.engine):
        cached.cache_clear()
    migrate(db.engine(), catalog.catalog())
    seconds = {"floor: bare COPY": floor.copy_seconds(server.url(name), folder / "clean.csv")}
    seconds["first load"] = timed_run("full", written, inserted=written.items)
    seconds["same file again"] = timed_run("incremental", written, fetched=0)
    seconds["same file, every row"] = timed_run("full", written, inserted=0, updated=0)
    db.engine().dispose()
    return seconds


def timed_run(mode: str, written: Written, **expected: int) -> float:
    """Seconds of one run; what it did and what stands is checked afterwards."""
    with db.engine().begin() as tx:
        requested = runs.request(tx, "coins", trigger="cli", mode=mode)
    began = time.perf_counter()
    execute(db.engine(), None, catalog.catalog(), settings.settings(), requested.run_id, worker="bench")
    seconds = time.perf_counter() - began
    with db.engine().connect() as connection:
        query = text("SELECT * FROM runs WHERE id = :id")
        row = connection.execute(query, {"id": requested.run_id}).one()._mapping
        stands = connection.scalar(text("SELECT count(*) FROM coins"))
    found = {name: row[name] for name in expected} | {"state": row["state"], "items": stands}
    wanted = expected | {"state": "succeeded", "items": written.items}
    if found != wanted:
        raise click.ClickException(f"{mode}: expected {wanted}, found {found}: {row['error_message']}")
    return seconds


def report(rounds: list[dict[str, float]], rows: int) -> dict[str, Any]:
    """Medians, ranges and rates by case."""
    cases = {}
    for case in rounds[0]:
        times = sorted(one[case] for one in rounds)
        median = statistics.median(times)
        cases[case] = {
            "median_s": round(median, 3),
            "range_s": [round(times[0], 3), round(times[-1], 3)],
            "rows_per_s": round(rows / median),
            "times_floor": round(statistics.median(one[case] / one["floor: bare COPY"] for one in rounds), 2),
        }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    machine = {"machine": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
    return {"at": datetime.now(UTC).isoformat(), "rows": rows, "peak_rss_mb": peak, **machine, "cases": cases}


def show(results: dict[str, Any]) -> None:
    """The table on the screen."""
    table = Table(
        title=f"{results['rows']:,} rows, {results['cores']} cores", title_justify="left", box=SIMPLE_HEAD
    )
    for column in ("case", "median s", "range s", "rows/s", "x floor"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case, figures in results["cases"].items():
        low, high = figures["range_s"]
        cells = [f"{figures['median_s']:.2f}", f"{low:.2f}-{high:.2f}", f"{figures['rows_per_s']:,}"]
        table.add_row(case, *cells, f"{figures['times_floor']:.2f}")
    Console().print(table)
    Console().print(f"peak memory of this process: {results['peak_rss_mb']} MB")


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of the file.")
@click.option("--rounds", default=3, show_default=True, help="How often to measure.")
def main(rows: int, rounds: int) -> None:
    """Measure, check, show, and keep the results."""
    quiet()
    with prepared(rows) as (folder, server, written):
        results = report([one_round(folder, server, written, number) for number in range(rounds)], rows)
    OUT.mkdir(exist_ok=True)
    (OUT / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    show(results)


if __name__ == "__main__":
    main()
