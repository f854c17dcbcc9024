"""One run from wake-up to end: lock, claim, lease, and what is done under them."""

from collections.abc import Callable
from dataclasses import replace

import redis
import structlog
from sqlalchemy import Engine

from ingest import claims, runs
from ingest.carry_out import carry_out
from ingest.claims import Claim
from ingest.declared import Catalog
from ingest.frozen import imports_frozen
from ingest.http import Http
from ingest.http.quota import Quota
from ingest.lease import Lease
from ingest.lock import SourceLock
from ingest.log import bound
from ingest.pullers import LEFT, Crew
from ingest.settings import Settings

log = structlog.get_logger()

Wake = Callable[[int, str, int], None]


def execute(
    db: Engine,
    broker: "redis.Redis | None",
    catalog: Catalog,
    settings: Settings,
    run_id: int,
    *,
    worker: str,
    stopping: Callable[[], bool] = lambda: False,
    wake: Wake | None = None,
) -> str:
    """Execute the run if it is to be had now; return a word for the outcome. Being told twice is harmless.

    Without a broker (`run --local`) there is no lock, and the lease and fence in PostgreSQL do all the work.
    `wake` has so many other workers `join` a run that is divided; without it this one pulls all parts.
    """
    with db.connect() as connection:
        source_name = runs.source_of(connection, run_id)
    if source_name is None:
        return "ended"
    lock = None if broker is None else SourceLock(broker, source_name, seconds=settings.lease)
    if lock is not None and not lock.acquire():
        return "locked"
    outcome = ""
    try:
        with db.begin() as tx:
            most = settings.max_attempts
            claim = claims.claim(tx, run_id, worker=worker, lease=settings.lease, most_attempts=most)
        if claim is None:
            return "not claimable"
        if lock is not None:
            _share(lock, claim)
        outcome = _claimed(
            db, lock, catalog, settings, claim, crew=_crew(settings, worker, wake), stopping=stopping
        )
        return outcome
    finally:
        # Whoever goes on with the run holds its lock still.
        if lock is not None and outcome != LEFT:
            _release(lock)


def join(
    db: Engine,
    broker: "redis.Redis",
    catalog: Catalog,
    settings: Settings,
    run_id: int,
    *,
    worker: str,
    stopping: Callable[[], bool] = lambda: False,
) -> str:
    """Pull parts of a run that another worker has divided; return a word for the outcome."""
    with db.begin() as tx:
        claim = claims.join(tx, run_id)
    if claim is None or getattr(catalog.sources.get(claim.source), "parts", None) is None:
        return "nothing to join"
    lock = SourceLock(broker, claim.source, seconds=settings.lease)
    lock.share(_token(claim))
    outcome = _claimed(
        db, lock, catalog, settings, claim, crew=_crew(settings, worker, None), stopping=stopping
    )
    if outcome != LEFT:
        _release(lock)
    return outcome


def _crew(settings: Settings, worker: str, wake: Wake | None) -> Crew:
    crew = Crew(worker, settings.max_attempts, settings.max_pullers)
    return crew if wake is None else replace(crew, wake=wake)


def _token(claim: Claim) -> str:
    return f"{claim.run_id}:{claim.fence}"


def _share(lock: SourceLock, claim: Claim) -> None:
    try:
        lock.hand_over(_token(claim))
    except redis.RedisError as error:
        log.warning("lock not shared; the fence decides", error=type(error).__name__)


def _release(lock: SourceLock) -> None:
    try:
        lock.release()
    except redis.RedisError as error:
        log.warning("lock not released; it ends by itself", error=type(error).__name__)


def _claimed(
    db: Engine,
    lock: SourceLock | None,
    catalog: Catalog,
    settings: Settings,
    claim: Claim,
    *,
    crew: Crew,
    stopping: Callable[[], bool],
) -> str:
    quota = Quota("memory://" if lock is None else settings.redis_url)
    with bound(run_id=claim.run_id, source=claim.source, request_id=claim.request_id):
        log.info("run claimed", attempt=claim.attempts, fence=claim.fence)
        lease = Lease(db, claim, lock, seconds=settings.lease, every=settings.renew_every, stopping=stopping)
        http = Http(
            quota,
            longest_wait=settings.longest_wait,
            stop=lease.interrupted,
            allow_private=settings.allow_private,
        )
        with imports_frozen(), lease, http:
            outcome = carry_out(db, catalog.sources.get(claim.source), claim, http, lease, crew)
        log.info("run left", outcome=outcome)
    return outcome
