"""What keeps the house in order: ticks of the schedule, runs that nobody took, old raw pages."""

import structlog

from ingest import upkeep
from ingest.catalog import catalog
from ingest.db import engine
from ingest.settings import settings
from tasks import app
from tasks.life import show_sign_of_life
from tasks.runs import publish, publish_missing_pullers, publish_waiting

log = structlog.get_logger()


@app.task(name="upkeep.tick")
def tick(source: str) -> None:
    """Request the run of the source's current slot. Late, doubled or repeated ticks are harmless."""
    for requested in upkeep.request_due(engine(), [catalog().sources[source]], upkeep.now(engine())):
        publish(requested.run_id, requested.source)


@app.task(name="upkeep.reconcile")
def reconcile() -> None:
    """Catch up missed slots, end poisoned runs, and wake workers for runs that wait or were abandoned."""
    show_sign_of_life("beat")
    upkeep.request_due(engine(), catalog().sources.values(), upkeep.now(engine()))
    ended = upkeep.end_abandoned_sessions(engine())
    failed = upkeep.fail_poisoned(engine(), max_attempts=settings().max_attempts)
    published = publish_waiting()
    joined = publish_missing_pullers()
    if ended or failed or published or joined:
        log.info("reconciled", ended_sessions=ended, failed=failed, published=published, joined=joined)


@app.task(name="upkeep.prune")
def prune() -> None:
    """Delete raw pages and settled rejects that are older than their source keeps them."""
    for source in catalog().sources.values():
        log.info("pruned", source=source.name, **upkeep.prune(engine(), source))
