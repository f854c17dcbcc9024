"""Requesting runs and telling the workers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from cli import queries
from cli.output import note
from cli.ready import check_migrated, named
from ingest import runs
from ingest.catalog import catalog
from ingest.db import engine
from ingest.declared import Source
from ingest.runs import Requested
from models import OPEN_STATES


def ask(names: Sequence[str], *, mode: str) -> list[Requested]:
    """Request a run of each source named, or of each that is not paused; tell which are open already."""
    with engine().begin() as tx:
        sources = named(names or sorted(catalog().sources))
        check_migrated(tx, sources)
        asked = [_request(tx, source, mode) for source in (sources if names else _enabled(tx, sources))]
    for one in asked:
        if not one.created:
            note(f"{one.source}: run {one.run_id} is {one.state} already; taking that one")
    return asked


def _enabled(tx: Connection, sources: Sequence[Source]) -> list[Source]:
    switches = queries.switches(tx)
    paused = [source.name for source in sources if not switches[source.name]]
    if paused:
        note(f"paused, so not run: {', '.join(paused)}")
    return [source for source in sources if source.name not in paused]


def _request(tx: Connection, source: Source, mode: str) -> Requested:
    asked = runs.request(tx, source.name, trigger="cli", mode=mode, requested_by="cli")
    if asked.created or asked.state in OPEN_STATES:
        return asked
    # The run in the way ended between the insert and the look at it, so there is room now.
    return runs.request(tx, source.name, trigger="cli", mode=mode, requested_by="cli")


def hand_over(asked: Sequence[Requested]) -> list[Row[Any]]:
    """Publish the new runs, and return the rows of all as they stand then."""
    from tasks.runs import publish

    # After the first failure the broker is away for the others too.
    if not all(publish(one.run_id, one.source) for one in asked if one.created):
        note("Redis is away: the runs are queued and start when it is back, or now with --local")
    with engine().connect() as tx:
        return queries.runs_by_id(tx, [one.run_id for one in asked])
