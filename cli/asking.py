"""Requesting runs and telling the workers."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from cli import queries
from cli.output import note
from cli.problems import WAITED, Problem
from cli.progress import LOOK_EVERY
from cli.ready import check_migrated, named
from ingest import runs
from ingest.catalog import catalog
from ingest.db import engine
from ingest.declared import Source
from ingest.runs import Requested
from models import OPEN_STATES, PULLS, REPLAYS


def ask(names: Sequence[str], *, mode: str, deadline: float | None = None) -> list[Requested]:
    """Request a run of each source named, or of each that is not paused; tell which are open already.

    With a deadline an open run of another kind (a replay where a pull is wanted, or the other way round) is
    waited for, and the source asked for again. Raises Problem at the deadline.
    """
    with engine().begin() as tx:
        sources = named(names or sorted(catalog().sources))
        check_migrated(tx, sources)
        asked = [_request(tx, source, mode) for source in (sources if names else _enabled(tx, sources))]
    return [one if one.created else _open_already(one, mode, deadline) for one in asked]


def _open_already(one: Requested, mode: str, deadline: float | None) -> Requested:
    if deadline is not None:
        one = _ask_behind(one.source, mode, deadline)
    if not one.created:
        note(f"{one.source}: run {one.run_id} is {one.state} already; taking that one")
    return one


def _enabled(tx: Connection, sources: Sequence[Source]) -> list[Source]:
    switches = queries.switches(tx)
    paused = [source.name for source in sources if not switches[source.name]]
    if paused:
        note(f"paused, so not run: {', '.join(paused)}")
    return [source for source in sources if source.name not in paused]


def _request(tx: Connection, source: Source, mode: str) -> Requested:
    trigger = "replay" if mode in REPLAYS else "cli"
    asked = runs.request(tx, source.name, trigger=trigger, mode=mode, requested_by="cli")
    if asked.created or asked.state in OPEN_STATES:
        return asked
    # The run in the way ended between the insert and the look at it, so there is room now.
    return runs.request(tx, source.name, trigger=trigger, mode=mode, requested_by="cli")


def _ask_behind(name: str, mode: str, deadline: float) -> Requested:
    """The new run, or an open one that does the same, as soon as nothing else is in the way."""
    while True:
        with engine().begin() as tx:
            asked = _request(tx, named([name])[0], mode)
            (row,) = queries.runs_by_id(tx, [asked.run_id])
        if asked.created or (row.state in OPEN_STATES and _does_the_same(row.mode, mode)):
            return asked
        _wait_for(row, deadline)


def _does_the_same(mode: str, wanted: str) -> bool:
    return mode == wanted or (mode in PULLS and wanted in PULLS)


def _wait_for(row: Row[Any], deadline: float) -> None:
    """Wait until a run that stands in the way has ended."""
    note(f"{row.source}: run {row.id} ({row.mode}) is {row.state}; waiting until it has ended")
    while row.state in OPEN_STATES:
        if time.monotonic() > deadline:
            message = f"timed out: run {row.id} of {row.source} is still {row.state}"
            raise Problem(message, code=WAITED, next=f"kasparro runs show {row.id}")
        time.sleep(LOOK_EVERY)
        with engine().connect() as tx:
            (row,) = queries.runs_by_id(tx, [row.id])


def hand_over(asked: Sequence[Requested]) -> list[Row[Any]]:
    """Publish the new runs, and return the rows of all as they stand then."""
    from tasks.runs import publish

    # After the first failure the broker is away for the others too.
    if not all(publish(one.run_id, one.source) for one in asked if one.created):
        note("Redis is away: the runs are queued and start when it is back, or now with --local")
    with engine().connect() as tx:
        return queries.runs_by_id(tx, [one.run_id for one in asked])
