"""What keeps the house in order: ticks of the schedule, runs that nobody took, old raw pages."""

from datetime import UTC, datetime

import structlog

from ingest import upkeep
from ingest.catalog import catalog
from ingest.db import engine
from ingest.heartbeat import beat, connect
from ingest.settings import settings
from tasks import app
from tasks.runs import publish, publish_waiting

log = structlog.get_logger()


@app.task(name="upkeep.tick")
def tick(source: str) -> None:
    """Request the run of the source's current slot. Late, doubled or repeated ticks are harmless."""
    for requested in upkeep.request_due(engine(), [catalog().sources[source]], datetime.now(UTC)):
        publish(requested.run_id, requested.source)


@app.task(name="upkeep.reconcile")
def reconcile() -> None:
    """Catch up missed slots, end poisoned runs, and wake workers for runs that wait or were abandoned."""
    with connect(settings().redis_url) as client:
        beat(client, "beat")
    upkeep.request_due(engine(), catalog().sources.values(), datetime.now(UTC))
    failed = upkeep.fail_poisoned(engine(), max_attempts=settings().max_attempts)
    published = publish_waiting()
    if failed or published:
        log.info("reconciled", failed=failed, published=published)


@app.task(name="upkeep.prune")
def prune() -> None:
    """Delete raw pages and settled rejects that are older than their source keeps them."""
    for source in catalog().sources.values():
        log.info("pruned", source=source.name, **upkeep.prune(engine(), source))
