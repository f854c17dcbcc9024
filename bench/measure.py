"""Playing a chain: fresh databases, one measured process after another, and a look at what it left."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from psycopg2.extensions import connection as Connection
from rich.console import Console

from bench.content import Content, content
from bench.declared import declare
from bench.inputs import Inputs
from bench.process import Failed, run
from bench.site import LOOKER, Site
from bench.steps import Chain, Sample, Step
from ingest.catalog import load
from ingest.db import new_engine
from ingest.migrate import migrate
from ingest.settings import ROOT

Oracles = Mapping[str, Content]
progress = Console(stderr=True, highlight=False)


def play(chain: Chain, at: Site, inputs: Inputs, oracles: Oracles) -> Iterator[Sample]:
    """The sample of each step; after a failure the steps behind it have none."""
    broken = ""
    for database, kind in chain.databases.items():
        _make(at, database, kind)
    for step in chain.steps:
        sample = Sample(step.case, step.contender, broken) if broken else _take(step, at, inputs, oracles)
        _tell(sample)
        broken = broken or (sample.error and f"not reached: {step.case} failed")
        yield sample
    for database in chain.databases:
        at.drop(database)


def _tell(sample: Sample) -> None:
    took = sample.error or f"{sample.seconds or sample.process_seconds:.2f} s"
    line = f"  {sample.case}, {sample.contender}: {took}"
    progress.print(line, style="dim", markup=False, soft_wrap=True)


def _make(at: Site, database: str, kind: dict[str, Any] | None) -> None:
    at.postgres.create(database)
    folder = at.folder / database
    (folder / "files").mkdir(parents=True)
    if kind is None:
        return
    declared = load(declare(folder / "catalog", kind), {}, files_root=folder / "files")
    engine = new_engine(
        at.environment(database)["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")
    )
    migrate(engine, declared)
    engine.dispose()


def _take(step: Step, at: Site, inputs: Inputs, oracles: Oracles) -> Sample:
    _put_file(step, at, inputs)
    with closing(at.connect()) as server, closing(at.connect(step.database)) as db:
        _execute(server, "CHECKPOINT")
        wal, written = _execute(server, "SELECT pg_current_wal_lsn()"), _tuples(db, step)
        env, worked = at.environment(step.database) | dict(step.env), at.server_cpu()
        try:
            ended = run(step.argv, env, log=at.folder / "step.log", cwd=ROOT)
        except Failed as error:
            return Sample(step.case, step.contender, str(error))
        _let_go(db)
        worked = at.server_cpu() - worked
        grown = _execute(server, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", wal)
        (dead, after), told = _tuples(db, step), ended.told
        sample = Sample(
            step.case,
            step.contender,
            seconds=told.get("seconds"),
            process_seconds=ended.seconds,
            cpu=ended.cpu,
            server_cpu=worked,
            wal=int(grown),
            peak=ended.peak,
            dead=dead,
            rewritten=after - written[1],
            told=told,
        )
        return replace(sample, error=_wrong(step, db, sample, oracles))


def _put_file(step: Step, at: Site, inputs: Inputs) -> None:
    """A link to the input takes the place of what was there, at once, as a careful upstream does it."""
    if step.file is None:
        return
    source, name = step.file
    files = at.folder / step.database / "files"
    (files / "new").hardlink_to(inputs.file(source))
    os.replace(files / "new", files / name)


def _execute(db: Connection, statement: str, *values: object) -> Any:
    with db.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def _let_go(db: Connection) -> None:
    """Wait until the process's own sessions have ended and told their statistics."""
    others = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name <> %s AND backend_type = 'client backend'"""
    limit = time.monotonic() + 5
    while _execute(db, others, LOOKER) and time.monotonic() < limit:
        time.sleep(0.01)


def _tuples(db: Connection, step: Step) -> tuple[int, int]:
    """Dead rows of the step's table, and how many were updated or deleted so far."""
    query = """SELECT coalesce(max(n_dead_tup), 0), coalesce(max(n_tup_upd + n_tup_del), 0)
                 FROM pg_stat_user_tables WHERE relid = to_regclass(%s)"""
    with db.cursor() as cursor:
        cursor.execute(query, (step.table or "none",))
        dead, written = cursor.fetchone() or (0, 0)
    return dead, written


def _wrong(step: Step, db: Connection, sample: Sample, oracles: Oracles) -> str:
    """In what the outcome differs from what it must be; empty when it is right."""
    if step.counts:
        counts = sample.told.get("counts", {})
        differing = {
            name: counts.get(name) for name, value in step.counts.items() if counts.get(name) != value
        }
        if differing or sample.told.get("state") != "succeeded":
            told = f"{sample.told.get('state')}, {sample.told.get('error')}"
            return f"the run ended {told}; it counted {differing}, and should have {dict(step.counts)}"
    if step.oracle and step.table:
        stands, expected = content(db, step.table, dict(step.names)), oracles[step.oracle]
        if stands != expected:
            return f"wrong content: {stands.rows} rows stand, {expected.rows} should, digests differ"
    return ""
