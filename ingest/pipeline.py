"""Read this first: how one run of one source goes, from its pages to its rows.

A page has happened or it has not, and the checkpoint stands exactly where the rows do.
"""

from collections.abc import Iterator
from functools import partial

import structlog
from sqlalchemy import Connection, Engine

from ingest import claims, drift, items, store
from ingest.ahead import MOST_TOGETHER, ahead, is_large
from ingest.batch import Batch, Ready, batch_of, make_ready
from ingest.claims import Claim
from ingest.company import Company
from ingest.declared import Source
from ingest.errors import SourceBroken
from ingest.http import Http
from ingest.in_turn import Turn, in_turn
from ingest.known import Known, Met
from ingest.landed import Place
from ingest.lease import Lease
from ingest.page import Position

# Of pages that weigh so much together more would save next to nothing.
FULL = 1024**2

log = structlog.get_logger()


def pull(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease) -> None:
    """Load every page since the checkpoint, in order, while the next are fetched and made ready.

    Pages that have come meanwhile are committed together; those of a part one by one.
    Raises what ends a run early: see `ingest.errors`. Pages that were loaded before stay loaded.
    """
    positions, known = begin(db, source, claim)
    most = MOST_TOGETHER if claim.part is None else 1
    with ahead(source.pull(http, positions), partial(make_ready, source=source), most=most) as ready:
        batches = map(partial(_in_place, source, lease, store.places(db, claim), Met()), ready)
        in_turn(partial(load_batch, db, source, claim, known), batches, alone=_is_alone, full=_is_full)
    lease.check()


def begin(db: Engine, source: Source, claim: Claim) -> tuple[dict[str, Position], Known | Company]:
    """Return where the source stands, which the run notes, and what is known of its rows."""
    with db.begin() as tx:
        standing = store.positions(tx, claim)
        claims.started(tx, claim, standing)
        return standing, Known(tx, source, claim) if claim.part is None else Company()


def _in_place(source: Source, lease: Lease, places: Iterator[Place], met: Met, pages: list[Ready]) -> Batch:
    """The next pages, normalised and in their places."""
    lease.check()
    return batch_of(pages, [next(places) for _ in pages], source, met)


def _is_alone(batch: Batch) -> bool:
    return any(is_large(ready.page) for ready in batch.pages)


def _is_full(batch: Batch) -> bool:
    return sum(ready.page.weight for ready in batch.pages) >= FULL


def load_batch(
    db: Engine, source: Source, claim: Claim, known: Known | Company, batch: Batch, turn: Turn
) -> None:
    """Load the pages in one commit; where one of them is refused, those before it in one each.

    Raises SourceBroken, and writes nothing of that page, when too many of the run's records are rejects.
    """
    try:
        _load(db, source, claim, known, batch, turn)
    except SourceBroken:
        if len(batch.pages) == 1:
            raise
        turn.wait()
        for page in batch.page_by_page(source):
            _load(db, source, claim, known, page, turn)


def _load(db: Engine, source: Source, claim: Claim, known: Known | Company, batch: Batch, turn: Turn) -> None:
    """In one transaction land the pages, load their records, advance and count."""
    with db.begin() as tx:
        claims.guard(tx, claim)
        store.land(tx, claim, batch)
        begun = items.begin(tx, source, claim, batch.landed, batch.good, known)
        turn.wait()
        _check_drift(tx, source, claim, batch)
        counts = store.load(
            tx, source, claim, batch.landed, batch.good, batch.rejects, batch.frame, known, begun
        )
        position = store.advance(tx, claim, batch)
        claims.count(tx, claim, counts, position, pages=len(batch.pages))
    log.info("pages loaded", pages=len(batch.pages), part=batch.pages[-1].page.part, **counts)


def _check_drift(tx: Connection, source: Source, claim: Claim, batch: Batch) -> None:
    fetched, rejected = claims.so_far(tx, claim)
    for records, rejects in batch.counted():
        fetched, rejected = fetched + records, rejected + len(rejects)
        drift.check(source, rejects, fetched=fetched, rejected=rejected)
