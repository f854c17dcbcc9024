"""The wake-up call for a run, and how it is sent."""

import os

import redis
import structlog
from kombu.exceptions import OperationalError

from ingest import parts, runs
from ingest.catalog import catalog
from ingest.db import engine
from ingest.execute import execute, join
from ingest.heartbeat import connect
from ingest.settings import settings
from tasks import EXPIRES, app
from tasks.life import stopping

log = structlog.get_logger()

MOST_IN_LINE = 100


@app.task(name="run", bind=True)
def run(self, run_id: int) -> str:
    """Execute the run, if it is to be had; whoever is told twice finds it taken."""
    worker = _name(self.request.hostname)
    with connect(settings().redis_url, timeout=5) as broker:
        outcome = execute(
            engine(),
            broker,
            catalog(),
            settings(),
            run_id,
            worker=worker,
            stopping=stopping,
            wake=publish_pullers,
        )
    if outcome == "put back":
        publish_waiting()
    elif outcome == "locked":
        with engine().begin() as tx:
            runs.told_too_early(tx, run_id)
    return outcome


@app.task(name="pull", bind=True)
def pull(self, run_id: int) -> str:
    """Pull parts of a run that is divided, until none is to be had; whoever comes late finds nothing."""
    worker = _name(self.request.hostname)
    with connect(settings().redis_url, timeout=5) as broker:
        outcome = join(engine(), broker, catalog(), settings(), run_id, worker=worker, stopping=stopping)
    if outcome == "put back":
        publish_waiting()
    return outcome


def _name(hostname: str | None) -> str:
    """Which process of which worker."""
    return f"{hostname or 'worker'}:{os.getpid()}"


def publish_pullers(run_id: int, source: str, many: int) -> None:
    """Send so many wake-ups for a run's parts, best effort: those that nobody gets are sent again later."""
    try:
        for _ in range(many):
            pull.apply_async((run_id,), shadow=f"pull {source}", expires=EXPIRES)
    except OperationalError as error:
        log.warning("pullers not woken", run_id=run_id, error=type(error).__name__)


def publish_missing_pullers() -> list[int]:
    """Wake workers for runs that have parts to be had and too few pullers; the ids of the runs.

    Only when nobody waits in line: a puller may take a worker for long, and others' runs come first.
    """
    if _in_line():
        return []
    with engine().begin() as tx:
        short = parts.short_of_pullers(tx)
    for run_id, source, many in short:
        publish_pullers(run_id, source, many)
    return [run_id for run_id, _, _ in short]


def publish(run_id: int, source: str | None = None) -> bool:
    """Send the wake-up for a committed run and note it; False when the broker is away.

    Best effort: what is not sent now, `upkeep.reconcile` sends later. The shadow name is what logs and
    Flower show, so that they read as a plan.
    """
    try:
        run.apply_async((run_id,), shadow=f"run {source}" if source else None, expires=EXPIRES)
    except OperationalError as error:
        log.warning("not published", run_id=run_id, error=type(error).__name__)
        return False
    with engine().begin() as tx:
        runs.published(tx, run_id)
    return True


def publish_waiting() -> list[int]:
    """Publish runs that wait without a worker having been told, or whose worker is gone; their ids.

    While many wake-ups are in line none are added: what waits behind long runs is not lost.
    """
    if _in_line() >= MOST_IN_LINE:
        return []
    with engine().begin() as tx:
        waiting = runs.to_publish(tx)
    for run_id, source in waiting:
        publish(run_id, source)
    return [run_id for run_id, _ in waiting]


def queue() -> str:
    """The queue of the wake-ups, as kombu names its list in Redis."""
    return f"{app.conf.broker_transport_options['global_keyprefix']}etl.run"


def _in_line() -> int:
    """How many wake-ups are in the queue; 0 also when nobody can tell, for then publishing says so itself."""
    try:
        with connect(settings().redis_url) as broker:
            return int(broker.llen(queue()))
    except redis.RedisError:
        return 0
