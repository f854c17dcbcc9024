"""`make scale`: rows a second against the number of workers that share a run.

    make scale ARGS="--rows 400000 --pullers 1,2,4,8"

Real Celery workers, PostgreSQL and Redis on their defaults for durability, all on this machine. Three
sources: one file that one worker loads, the same file cut into ranges of bytes, which wants processors, and
an API that answers after 50 ms, which wants patience. Each run starts on an empty table, and what stands
afterwards is checked. All figures go to bench/out/scale.json, the chart to bench/out/scale.svg.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil
from redis import Redis as Client
from sqlalchemy import Engine, text

from bench import scale_api
from bench.scale_chart import chart
from bench.scale_rows import DATASET, SOURCE, write
from bench.scale_spent import spent
from ingest import catalog, db, runs, settings
from ingest.migrate import migrate
from local.servers import Postgres, Redis, free_port

OUT = Path(__file__).parent / "out"
API_SOURCE = """
dataset: coins
kind: http_json
options: {{url: "{url}", paginate: {{type: page, size: 100}}, allow_private: true}}
parts: {{by: values, param: city, values: {cities}}}
key: id
fields: {{name: name, price: price, rank: rank}}
"""
WORKER = ["-m", "celery", "-A", "tasks", "worker", "-Q", "etl.run", "--without-gossip", "--without-mingle"]
LONGEST = 120.0


@dataclass(frozen=True)
class Place:
    """Servers, and how many items each source brings."""

    postgres: Postgres
    redis: Redis
    engine: Engine
    items: dict[str, int]


@contextmanager
def place(rows: int, size: str) -> Iterator[Place]:
    """Servers and a catalogue with both sources, in a folder that goes away."""
    folder = Path(tempfile.mkdtemp(prefix="kasparro-scale-"))
    folder.chmod(0o755)
    postgres, redis = Postgres(folder / "postgres", free_port()), Redis(folder / "redis", free_port())
    try:
        with scale_api.api() as url:
            cities = list(range(scale_api.CITIES))
            sources = {
                "whole": SOURCE,
                "file": SOURCE + f"parts: {{by: bytes, size: {size}}}\n",
                "api": API_SOURCE.format(url=url, cities=cities),
            }
            for name in ("datasets", "sources"):
                (folder / name).mkdir()
            (folder / "datasets" / "coins.yaml").write_text(DATASET)
            for name, content in sources.items():
                (folder / "sources" / f"{name}.yaml").write_text(content)
            written = write(folder / "coins.csv", rows)
            postgres.start()
            redis.start()
            postgres.create("scale")
            os.environ.update(
                DATABASE_URL=postgres.url("scale"),
                REDIS_URL=redis.url,
                CATALOG_DIR=str(folder),
                FILES_ROOT=str(folder),
                API_KEY="of the benchmark alone",
                LOG_LEVEL="WARNING",
            )
            settings.settings.cache_clear()
            migrate(db.engine(), catalog.catalog())
            yield Place(
                postgres,
                redis,
                db.engine(),
                {"whole": written.items, "file": written.items, "api": scale_api.ITEMS},
            )
    finally:
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def workers(many: int) -> Iterator[psutil.Process]:
    """A worker with so many processes, ready."""
    command = [sys.executable, *WORKER, "-c", str(many), "-n", f"scale{many}@%h", "--loglevel", "WARNING"]
    process = subprocess.Popen(
        command, env={**os.environ, "MAX_PULLERS": str(many)}, cwd=settings.ROOT, start_new_session=True
    )
    worker = psutil.Process(process.pid)
    try:
        _wait(lambda: len(worker.children()) >= many)
        yield worker
    finally:
        process.terminate()
        process.wait(30)


def _wait(condition: Any) -> None:
    limit = time.monotonic() + LONGEST
    while not condition():
        if time.monotonic() > limit:
            raise click.ClickException("nothing happens any more")
        time.sleep(0.05)


def one_run(at: Place, worker: psutil.Process, source: str) -> dict[str, Any]:
    """Run the source over an empty table; what it took, by PostgreSQL's clock and the system's."""
    from tasks.runs import publish

    with at.engine.begin() as tx:
        tx.execute(text("TRUNCATE coins, rejects, raw_data, checkpoints, traces, parts"))
    client = Client.from_url(at.redis.url)
    assert at.postgres.child is not None
    postgres = psutil.Process(at.postgres.child.pid)
    before = spent(at.engine, postgres, worker, client)
    with at.engine.begin() as tx:
        requested = runs.request(tx, source, trigger="cli", mode="full")
    publish(requested.run_id, source)
    connections = 0

    def ended() -> bool:
        nonlocal connections
        row = _row(at.engine, "SELECT finished_at FROM runs WHERE id = :id", id=requested.run_id)
        count = _row(at.engine, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'scale'")[0]
        connections = max(connections, count - 1)
        return row[0] is not None

    _wait(ended)
    after = spent(at.engine, postgres, worker, client)
    return _figures(at, source, requested.run_id, connections) | {
        name: round(after[name] - before[name], 2) for name in after
    }


def _figures(at: Place, source: str, run_id: int, connections: int) -> dict[str, Any]:
    query = """
        SELECT state, error_message, parts, pages, fetched,
               extract(epoch FROM finished_at - started_at)::float AS seconds FROM runs WHERE id = :id
    """
    row = _row(at.engine, query, id=run_id)
    stands = _row(at.engine, "SELECT count(*) FROM coins WHERE source = :source", source=source)[0]
    if (row.state, stands) != ("succeeded", at.items[source]):
        raise click.ClickException(f"{source}: {row.state}, {stands} items: {row.error_message}")
    pullers = (
        _row(at.engine, "SELECT count(DISTINCT worker) FROM parts WHERE run_id = :id", id=run_id)[0] or 1
    )
    found = {
        "source": source,
        "parts": row.parts or 0,
        "pages": row.pages,
        "workers": pullers,
        "seconds": row.seconds,
    }
    return found | {"rows_per_second": round(row.fetched / row.seconds), "connections": connections}


def _row(engine: Engine, query: str, **values: Any) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query), values).one()


@click.command()
@click.option("--rows", default=400_000, show_default=True)
@click.option("--size", default="2MB", show_default=True, help="Bytes of a part of the file.")
@click.option("--pullers", default="1,2,4,8", show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(rows: int, size: str, pullers: str, rounds: int) -> None:
    """Measure, check, write down."""
    found = []
    with place(rows, size) as at:
        for many in map(int, pullers.split(",")):
            with workers(many) as worker:
                for _ in range(rounds):
                    for source in at.items:
                        figures = {"pullers": many, **one_run(at, worker, source)}
                        found.append(figures)
                        click.echo(json.dumps(figures))
    OUT.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "rows": rows, "size": size}
    (OUT / "scale.json").write_text(json.dumps({"machine": machine, "runs": found}, indent=1) + "\n")
    medians = {
        name: [(many, _median(found, many, name)) for many in sorted({each["pullers"] for each in found})]
        for name in ("file", "api")
    }
    (OUT / "scale.svg").write_text(chart(f"rows/s against pullers, {os.cpu_count()} cores", medians))
    click.echo(f"{OUT / 'scale.json'}, {OUT / 'scale.svg'}")


def _median(found: list[dict[str, Any]], many: int, source: str) -> float:
    """The median of the rounds."""
    speeds = sorted(
        each["rows_per_second"] for each in found if (each["pullers"], each["source"]) == (many, source)
    )
    return float(speeds[len(speeds) // 2])


if __name__ == "__main__":
    main()
