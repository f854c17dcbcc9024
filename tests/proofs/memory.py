"""A gigabyte in every awkward shape, through one run each, in 400 MB: `make memory`.

Each case is written to a folder that goes away, and read by a process of its own which executes one run as
a worker does. It has to come to the rows that were written, or to an error that says what is wrong, and its
process must never have taken more memory than the bound.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine, text

from ingest import catalog, runs
from ingest.claims import COUNTERS
from ingest.db import new_engine
from ingest.migrate import migrate
from ingest.settings import ROOT, settings
from tests.conftest import API_KEY, forget, own_environment
from tests.kit.verdict import Verdict
from tests.proofs.awkward import CASES, MB, Case, Outcome
from tests.servers import Servers, servers
from tests.upstream import Asked, Play, Upstream, upstream

BOUND = 400 * MB
DATASET = {
    "fields": {
        "name": {"type": "string", "required": True},
        "price": {"type": "decimal"},
        "note": {"type": "string"},
    }
}
SOURCE = {
    "dataset": "things",
    "key": "id",
    "fields": {"name": "name", "price": "price", "note": "note"},
    "max_reject_percent": 100,
}


@dataclass
class Place:
    """Where the cases play: a folder for their contents, and a migrated database."""

    files: Path
    db: Engine


@contextmanager
def place(cases: list[Case]) -> Iterator[Place]:
    """Servers and a catalogue with a source for each case; gone with all contents afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="kasparro-memory-") as folder,
        servers() as both,
        own_environment(),
    ):
        files = Path(folder) / "files"
        files.mkdir()
        with upstream(lambda asked: _served(files, asked)) as server:
            _declare(Path(folder) / "catalog", cases, server)
            both.postgres.create("memory")
            os.environ.update(_settings(Path(folder), both))
            forget()
            db = new_engine(settings().database_url)
            migrate(db, catalog.catalog())
            yield Place(files, db)
            db.dispose()


def _served(files: Path, asked: Asked) -> Play:
    return Play(200, (files / asked.path.strip("/")).read_bytes(), {"Content-Type": "application/json"})


def _declare(folder: Path, cases: list[Case], server: Upstream) -> None:
    for name in ("datasets", "sources"):
        (folder / name).mkdir(parents=True)
    (folder / "datasets" / "things.yaml").write_text(yaml.safe_dump(DATASET))
    for case in cases:
        kind = "jsonl_file" if ".jsonl" in case.suffix else "csv_file"
        options = {"path": named(case)}
        if case.suffix == ".json":
            kind, options = "http_json", {"url": f"{server.url}/{named(case)}", "retries": 0}
        declared = {"kind": kind, "options": options, **SOURCE}
        (folder / "sources" / f"{source(case)}.yaml").write_text(yaml.safe_dump(declared))


def source(case: Case) -> str:
    """The name of the case's source."""
    return case.name.lower().replace(" ", "_")


def named(case: Case) -> str:
    """The name of the case's file."""
    return source(case) + case.suffix


def _settings(folder: Path, both: Servers) -> dict[str, str]:
    return {
        "DATABASE_URL": both.postgres.url("memory"),
        "REDIS_URL": both.redis.url,
        "API_KEY": API_KEY,
        "CATALOG_DIR": str(folder / "catalog"),
        "FILES_ROOT": str(folder / "files"),
        "ALLOW_PRIVATE": "true",
    }


def play(stands: Place, case: Case, megabytes: int) -> tuple[str, list[str]]:
    """Write the content, run its source once, drop it again; the figures, and what is wrong."""
    path = stands.files / named(case)
    with path.open("wb") as file:
        expected = case.write(file, megabytes)
    size, began = path.stat().st_size, time.monotonic()
    with stands.db.begin() as tx:
        run_id = runs.request(tx, source(case), trigger="cli").run_id
    command = [sys.executable, "-m", "tests.proofs.measured", str(run_id)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    path.unlink()
    figures = f"{case.name}: {size / MB:.0f} MB, {time.monotonic() - began:.0f} s"
    if done.returncode:
        return figures, [f"the process ended with {done.returncode}"]
    peak = int(done.stdout)
    figures += f", peak {peak / MB:.0f} MB"
    beyond = [f"took {peak / MB:.0f} MB, more than {BOUND / MB:.0f}"] if peak > BOUND else []
    return figures, beyond + wrong(stands.db, run_id, expected)


def wrong(db: Engine, run_id: int, expected: Outcome) -> list[str]:
    """In what the run differs from what its content has to come to."""
    with db.connect() as connection:
        row: dict[str, Any] = dict(
            connection.execute(text("SELECT * FROM runs WHERE id = :id"), {"id": run_id}).one()._mapping
        )
    counted = {name: row[name] for name in COUNTERS if row[name]}
    ended = f"ended {row['state']}, {row['error_kind']}: {row['error_message']}; counted {counted}"
    if isinstance(expected, str):
        clear = row["state"] == "failed" and row["error_kind"] != "bug" and expected in row["error_message"]
        return [] if clear else [f"{ended}; the error should say: {expected}"]
    return [] if (row["state"], counted) == ("succeeded", expected) else [f"{ended}; expected {expected}"]


def main() -> int:
    """Play all cases; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=1024, help="size of the contents (default: 1024)")
    parser.add_argument("--only", default="", help="only the cases whose name holds this")
    asked = parser.parse_args()
    cases = [case for case in CASES if asked.only in case.name]
    verdict = Verdict("memory")
    with place(cases) as stands:
        for case in cases:
            verdict.case(*play(stands, case, asked.mb))
    return verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
