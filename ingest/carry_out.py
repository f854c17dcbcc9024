"""What becomes of a claimed run: it is pulled or replayed, and left in the state that tells what happened."""

import time
from contextlib import suppress

import structlog
from polars.exceptions import PanicException
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from ingest import claims, parts, pullers, traces
from ingest.claims import Claim
from ingest.declared import Source
from ingest.errors import Cancelled, IngestError, LeaseLost, SourceBroken, TryLater
from ingest.http import Http
from ingest.lease import Lease
from ingest.postgres_errors import NOT_NOW, passes, said
from ingest.pullers import LEFT, Crew
from ingest.replay import replay
from ingest.storable import as_message
from models import REPLAYS

log = structlog.get_logger()

# A full disk or a held lock is not mended by asking again at once.
PATIENCE = 10.0


def carry_out(
    db: Engine, source: Source | None, claim: Claim, http: Http, lease: Lease, crew: Crew | None = None
) -> str:
    """Pull the source and leave its run in the state that tells what happened."""
    try:
        return _attempt(db, source, claim, http, lease, crew or Crew())
    except NOT_NOW as error:
        # Whether the page's commit happened is not known here and need not be: the run goes back to the
        # queue, and whoever claims it next begins at the checkpoint.
        return _wait_for_database(db, lease, error)
    except LeaseLost as error:
        log.warning("lease lost", detail=str(error))
        return "lost"


def _attempt(db: Engine, source: Source | None, claim: Claim, http: Http, lease: Lease, crew: Crew) -> str:
    try:
        return _carry_out_declared(db, source, claim, http, lease, crew) or _end(db, claim, "succeeded")
    except (LeaseLost, *NOT_NOW):
        raise
    except IngestError as error:
        return _settle(db, claim, lease, error)
    except (SystemExit, KeyboardInterrupt):
        with suppress(DBAPIError):
            _put_back(db, lease.claim)
        raise
    except (Exception, PanicException) as error:  # a panic in polars is no Exception
        log.exception("run failed")
        _end(db, claim, "failed", kind="bug", message=f"{type(error).__name__} in Kasparro itself: {error}")
        raise


def _carry_out_declared(
    db: Engine, source: Source | None, claim: Claim, http: Http, lease: Lease, crew: Crew
) -> str | None:
    """Do what the run is for; a word when this worker leaves it before it is done."""
    if source is None:
        message = (
            f"This worker's catalogue has no {claim.source}. If catalog/sources/{claim.source}.yaml is new, "
            "restart the workers, which read the catalogue once; if it was removed, put it back"
        )
        raise SourceBroken(message, kind="catalogue")
    if claim.mode in REPLAYS:
        traces.settle_earlier(db, source, claim, lease)
        replay(db, source, claim, lease)
        return None
    return pullers.pull_all(db, source, claim, http, lease, crew)


def _settle(db: Engine, claim: Claim, lease: Lease, error: IngestError) -> str:
    """What each of our own errors means for the run."""
    if isinstance(error, SourceBroken):
        return _end(db, claim, "failed", kind=error.kind, message=str(error))
    if isinstance(error, TryLater):
        return _put_back(db, claim, seconds=error.seconds, why=str(error))
    if isinstance(error, Cancelled):
        return _cancel(db, claim)
    try:
        lease.check()
    except Cancelled:
        return _cancel(db, claim)
    except IngestError as reason:
        log.info("stopping", reason=str(reason))
    return _put_back(db, claim)


def _end(db: Engine, claim: Claim, state: str, *, kind: str | None = None, message: str | None = None) -> str:
    with db.begin() as tx:
        claims.finish(tx, claim, state, kind=kind, message=as_message(message))
    if state == "failed":
        log.error("run failed", kind=kind, message=message)
    return state


def _cancel(db: Engine, claim: Claim) -> str:
    """End the run; while others pull parts of it they are told as well, and the last of them ends it."""
    with db.begin() as tx:
        if parts.others_pull(tx, claim):
            return LEFT
        claims.finish(tx, claim, "cancelled")
    return "cancelled"


def _put_back(
    db: Engine, claim: Claim, *, seconds: float = 0, why: str | None = None, counted: bool = False
) -> str:
    """Let another worker go on with the part, if this one pulls a part; with the run, if nobody else does."""
    with db.begin() as tx:
        if claim.part is not None:
            parts.put_back(tx, claim, seconds=seconds, why=as_message(why), counted=counted)
        if parts.others_pull(tx, claim):
            return LEFT
        counts = counted and claim.part is None
        state = claims.hand_back(tx, claim, seconds=seconds, why=as_message(why), counted=counts)
    log.info("run put back", seconds=seconds, why=why, state=state)
    return {"queued": "put back", None: "lost"}.get(state, state or "lost")


def _wait_for_database(db: Engine, lease: Lease, error: DBAPIError) -> str:
    """Put the run back as soon as the database answers; after the lease somebody else will have taken it."""
    why = f"PostgreSQL: {said(error)}"
    log.warning("database away", error=why)
    give_up = time.monotonic() + lease.seconds
    while time.monotonic() < give_up:
        try:
            if passes(error):
                return _put_back(db, lease.claim, why=why)
            # The server answers, but refuses: that may go on for ever, so the attempt counts.
            return _put_back(db, lease.claim, seconds=PATIENCE, why=why, counted=True)
        except NOT_NOW:
            time.sleep(0.5)
    log.warning("database still away; the run is taken up again when its lease is over")
    return "lost"
