"""One run from wake-up to end: lock, claim, pull, and the state that tells what happened."""

import time
from collections.abc import Callable
from contextlib import suppress

import redis
import structlog
from polars.exceptions import PanicException
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from ingest import claims, runs
from ingest.claims import Claim
from ingest.declared import Catalog, Source
from ingest.errors import Cancelled, IngestError, LeaseLost, SourceBroken, TryLater
from ingest.http import Http
from ingest.http.quota import Quota
from ingest.lease import Lease
from ingest.lock import SourceLock
from ingest.log import bound
from ingest.pipeline import pull
from ingest.postgres_errors import NOT_NOW, passes, said
from ingest.replay import replay
from ingest.settings import Settings
from ingest.storable import storable
from models import REPLAYS

log = structlog.get_logger()

# A full disk or a held lock is not mended by asking again at once.
PATIENCE = 10.0
LONGEST_MESSAGE = 4000


def execute(
    db: Engine,
    broker: "redis.Redis | None",
    catalog: Catalog,
    settings: Settings,
    run_id: int,
    *,
    worker: str,
    stopping: Callable[[], bool] = lambda: False,
) -> str:
    """Execute the run if it is to be had now; return a word for the outcome. Being told twice is harmless.

    Without a broker (`run --local`) there is no lock, and the lease and fence in PostgreSQL do all the work.
    """
    with db.connect() as connection:
        source_name = runs.source_of(connection, run_id)
    if source_name is None:
        return "ended"
    lock = None if broker is None else SourceLock(broker, source_name, seconds=settings.lease)
    if lock is not None and not lock.acquire():
        return "locked"
    try:
        return _claimed(db, lock, catalog, settings, run_id, worker=worker, stopping=stopping)
    finally:
        if lock is not None:
            _release(lock)


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
    run_id: int,
    *,
    worker: str,
    stopping: Callable[[], bool],
) -> str:
    quota = Quota("memory://" if lock is None else settings.redis_url)
    with db.begin() as tx:
        most = settings.max_attempts
        claim = claims.claim(tx, run_id, worker=worker, lease=settings.lease, most_attempts=most)
    if claim is None:
        return "not claimable"
    with bound(run_id=run_id, source=claim.source, request_id=claim.request_id):
        log.info("run claimed", attempt=claim.attempts, fence=claim.fence)
        lease = Lease(db, claim, lock, seconds=settings.lease, every=settings.renew_every, stopping=stopping)
        http = Http(
            quota,
            longest_wait=settings.longest_wait,
            stop=lease.interrupted,
            allow_private=settings.allow_private,
        )
        with lease, http:
            outcome = carry_out(db, catalog.sources.get(claim.source), claim, http, lease)
        log.info("run left", outcome=outcome)
    return outcome


def carry_out(db: Engine, source: Source | None, claim: Claim, http: Http, lease: Lease) -> str:
    """Pull the source and leave its run in the state that tells what happened."""
    try:
        return _attempt(db, source, claim, http, lease)
    except NOT_NOW as error:
        # Whether the page's commit happened is not known here and need not be: the run goes back to the
        # queue, and whoever claims it next begins at the checkpoint.
        return _wait_for_database(db, claim, lease, error)
    except LeaseLost as error:
        log.warning("lease lost", detail=str(error))
        return "lost"


def _attempt(db: Engine, source: Source | None, claim: Claim, http: Http, lease: Lease) -> str:
    try:
        _carry_out_declared(db, source, claim, http, lease)
        return _end(db, claim, "succeeded")
    except (LeaseLost, *NOT_NOW):
        raise
    except IngestError as error:
        return _settle(db, claim, lease, error)
    except (SystemExit, KeyboardInterrupt):
        with suppress(DBAPIError):
            _put_back(db, claim)
        raise
    except (Exception, PanicException) as error:  # a panic in polars is no Exception
        log.exception("run failed")
        _end(db, claim, "failed", kind="bug", message=f"{type(error).__name__} in Kasparro itself: {error}")
        raise


def _carry_out_declared(db: Engine, source: Source | None, claim: Claim, http: Http, lease: Lease) -> None:
    if source is None:
        message = (
            f"This worker's catalogue has no {claim.source}. If catalog/sources/{claim.source}.yaml is new, "
            "restart the workers, which read the catalogue once; if it was removed, put it back"
        )
        raise SourceBroken(message, kind="catalogue")
    if claim.mode in REPLAYS:
        replay(db, source, claim, lease)
    else:
        pull(db, source, claim, http, lease)


def _settle(db: Engine, claim: Claim, lease: Lease, error: IngestError) -> str:
    """What each of our own errors means for the run."""
    if isinstance(error, SourceBroken):
        return _end(db, claim, "failed", kind=error.kind, message=str(error))
    if isinstance(error, TryLater):
        return _put_back(db, claim, seconds=error.seconds, why=str(error))
    if isinstance(error, Cancelled):
        return _end(db, claim, "cancelled")
    try:
        lease.check()
    except Cancelled:
        return _end(db, claim, "cancelled")
    except IngestError as reason:
        log.info("stopping", reason=str(reason))
    return _put_back(db, claim)


def _end(db: Engine, claim: Claim, state: str, *, kind: str | None = None, message: str | None = None) -> str:
    with db.begin() as tx:
        claims.finish(tx, claim, state, kind=kind, message=_fit(message))
    if state == "failed":
        log.error("run failed", kind=kind, message=message)
    return state


def _put_back(
    db: Engine, claim: Claim, *, seconds: float = 0, why: str | None = None, counted: bool = False
) -> str:
    with db.begin() as tx:
        state = claims.hand_back(tx, claim, seconds=seconds, why=_fit(why), counted=counted)
    log.info("run put back", seconds=seconds, why=why, state=state)
    return {"queued": "put back", None: "lost"}.get(state, state or "lost")


def _fit(message: str | None) -> str | None:
    """A message may quote what an upstream sent: it must fit its column, whatever that was."""
    return None if message is None else storable(message, longest=LONGEST_MESSAGE)


def _wait_for_database(db: Engine, claim: Claim, lease: Lease, error: DBAPIError) -> str:
    """Put the run back as soon as the database answers; after the lease somebody else will have taken it."""
    why = f"PostgreSQL: {said(error)}"
    log.warning("database away", error=why)
    give_up = time.monotonic() + lease.seconds
    while time.monotonic() < give_up:
        try:
            if passes(error):
                return _put_back(db, claim, why=why)
            # The server answers, but refuses: that may go on for ever, so the attempt counts.
            return _put_back(db, claim, seconds=PATIENCE, why=why, counted=True)
        except NOT_NOW:
            time.sleep(0.5)
    log.warning("database still away; the run is taken up again when its lease is over")
    return "lost"
