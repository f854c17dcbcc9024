"""Many workers at one run: each takes a part, pulls it as `ingest.pipeline` says, and takes the next.

Nobody is told what to pull. Whoever claims the run plans its parts and has others woken; whoever leaves last
ends it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ingest import claims, parts, traces, upkeep
from ingest.claims import Claim
from ingest.declared import Parts, Piece, Source
from ingest.errors import Cancelled, LeaseLost, PartLost, SourceBroken, Stopped, TryLater
from ingest.http import Http
from ingest.lease import Lease
from ingest.log import bound
from ingest.pipeline import pull
from ingest.postgres_errors import came_second, said
from ingest.storable import as_message

log = structlog.get_logger()

LEFT = "left"


def _nobody(run_id: int, source: str, many: int) -> None:
    """The wake-up of `run --local`, which pulls all parts by itself."""


@dataclass(frozen=True)
class Crew:
    """Who works here, and with how many others at most; `wake` tells so many workers of a run."""

    worker: str = "worker"
    most_attempts: int = 5
    most_pullers: int = 1
    wake: Callable[[int, str, int], None] = _nobody


def pull_all(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease, crew: Crew) -> str | None:
    """Pull the source, whole or part by part; a word for the outcome, None: it is whole and can be ended."""
    traces.settle_earlier(db, source, claim, lease)
    if source.parts is None:
        pull(db, source, claim, http, lease)
        return None
    divide(db, source, source.parts, claim, crew)
    return work(db, source, claim, http, lease, crew)


def divide(db: Engine, source: Source, declared: Parts, claim: Claim, crew: Crew) -> None:
    """Plan the parts of the run, and wake others to pull them; a run that was planned before goes on."""
    with db.connect() as connection:
        planned = parts.is_planned(connection, claim)
        standing = parts.standing(connection, claim)
    if not planned:
        pieces = declared.plan(standing, upkeep.now(db))
        with db.begin() as tx:
            claims.started(tx, claim, {name: position for name, (position, _) in standing.items()})
            parts.plan(tx, claim, pieces, pullers=declared.pullers or crew.most_pullers)
        log.info("run divided", parts=len(pieces))
    with db.connect() as connection:
        crew.wake(claim.run_id, claim.source, parts.pullers(connection, claim) - 1)


def work(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease, crew: Crew) -> str:
    """Pull parts until none is to be had, and end the run if all are done; a word for the outcome.

    Raises SourceBroken when parts have failed, once the others have ended.
    """
    while (taken := _take(db, claim, lease, crew)) is not None:
        assert taken.part is not None, "what was taken is a part"
        with bound(part=taken.part.name):
            _pull(db, source, taken, http, lease)
        lease.hold(claim)
    return _leave(db, source, claim, lease)


def _take(db: Engine, claim: Claim, lease: Lease, crew: Crew) -> Claim | None:
    lease.check()
    with db.begin() as tx:
        taken = parts.take(
            tx, claim, worker=crew.worker, lease=lease.seconds, most_attempts=crew.most_attempts
        )
    if taken is not None:
        lease.hold(taken)
    return taken


def _pull(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease) -> None:
    """Pull the claim's part, and leave it in the state that tells what happened."""
    try:
        _note(db, _pulled(db, source, claim, http, lease), claim)
    except PartLost as lost:
        log.warning("part lost", detail=str(lost))
    except (Cancelled, Stopped):
        _note(db, parts.put_back, claim)
        raise


Note = Callable[[Connection, Claim], None]


def _pulled(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease) -> Note:
    """Pull the part; what is to be noted of it."""
    try:
        pull(db, _part_of(source, claim), claim, http, lease)
    except SourceBroken as broken:
        log.error("part failed", kind=broken.kind, message=str(broken))
        return partial(parts.fail, kind=broken.kind, message=as_message(str(broken)))
    except TryLater as later:
        return partial(parts.put_back, seconds=later.seconds, why=as_message(str(later)))
    except DBAPIError as error:
        if not came_second(error):
            raise
        log.info("part begun again at its last page", reason=said(error))
        return parts.put_back
    return parts.done


def _note(db: Engine, note: Note, claim: Claim) -> None:
    with db.begin() as tx:
        note(tx, claim)


def _part_of(source: Source, claim: Claim) -> Source:
    """The source as the part has it: its kind, bound to what the part is."""
    assert source.parts is not None, "only what is declared with parts is divided"
    assert claim.part is not None, "the claim is one of a part"
    piece = Piece(claim.part.name, dict(claim.part.spec))
    return replace(source, pull=partial(source.parts.pull, piece))


def _leave(db: Engine, source: Source, claim: Claim, lease: Lease) -> str:
    with db.begin() as tx:
        left = parts.left(tx, claim)
        if left is not None and left.waiting and not left.pulled:
            claims.hand_back(tx, claim, seconds=left.seconds, why=left.why)
            return "put back"
        failures = parts.failures(tx, claim)
    if left is None or left.pulled:
        return LEFT
    traces.settle(db, source, claim, lease, claim.run_id)
    if failures:
        raise SourceBroken("\n".join(message for _, message in failures), kind=failures[0][0])
    return _succeed(db, claim)


def _succeed(db: Engine, claim: Claim) -> str:
    """End the run; of two that see that all is done, the second one finds it ended."""
    try:
        with db.begin() as tx:
            claims.finish(tx, claim, "succeeded")
    except LeaseLost:
        return LEFT
    return "succeeded"
