"""Read this first: how one run of one source goes, page by page.

A page has happened or it has not, and the checkpoint stands exactly where the rows do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial

import polars as pl
import structlog
from sqlalchemy import Connection, Engine

from ingest import claims, drift, items, store
from ingest.ahead import ahead, is_large
from ingest.claims import Claim
from ingest.company import Company
from ingest.declared import Source
from ingest.decode import decode
from ingest.http import Http
from ingest.in_turn import Turn, in_turn
from ingest.known import Known, Met
from ingest.lease import Lease
from ingest.normalize import normalize
from ingest.packed import Packed, pack
from ingest.page import Frame, Page, Position, Reject
from ingest.store import Place

log = structlog.get_logger()


def pull(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease) -> None:
    """Load every page since the checkpoint, one commit a page, in order, while the next is made ready.

    Raises what ends a run early: see `ingest.errors`. Pages that were loaded before stay loaded.
    """
    positions, known = begin(db, source, claim)
    places, met = store.places(db, claim), Met()
    with ahead(source.pull(http, positions), partial(make_ready, source=source, met=met)) as ready:
        load = partial(load_page, db, source, claim, known)
        in_turn(load, _placed(ready, places, lease), alone=lambda placed: is_large(placed[0].page))
    lease.check()


def begin(db: Engine, source: Source, claim: Claim) -> tuple[dict[str, Position], Known | Company]:
    """Return where the source stands, which the run notes, and what is known of its rows."""
    with db.begin() as tx:
        standing = store.positions(tx, claim)
        claims.started(tx, claim, standing)
        return standing, Known(tx, source) if claim.part is None else Company()


@dataclass(frozen=True)
class Ready:
    """A page with all that can be known of it without PostgreSQL."""

    page: Page
    packed: Packed
    frame: Frame
    good: pl.DataFrame
    rejects: list[Reject]


def make_ready(page: Page, source: Source, met: Met) -> Ready:
    """Decode and normalise a page."""
    frame = decode(page, source)
    good, rejects = normalize(frame, source)
    return Ready(page, pack(page.body), _light(frame, page, source), met.meet(good), rejects)


def _light(frame: Frame, page: Page, source: Source) -> Frame:
    """The frame without its cells and texts, each as large as the page: few records are looked up again."""
    again = cache(partial(decode, page, source))
    return replace(frame, cells=frame.cells.clear(), record=lambda row: again().record(row))


def _placed(pages: Iterator[Ready], places: Iterator[Place], lease: Lease) -> Iterator[tuple[Ready, Place]]:
    for ready in pages:
        lease.check()
        yield ready, next(places)


def load_page(
    db: Engine, source: Source, claim: Claim, known: Known | Company, placed: tuple[Ready, Place], turn: Turn
) -> None:
    """In one transaction land a page, load it, advance and count.

    Raises SourceBroken, and writes nothing of the page, when too many of the run's records are rejects.
    """
    ready, place = placed
    with db.begin() as tx:
        claims.guard(tx, claim)
        raw_id = store.land(tx, claim, ready.page, ready.packed, place, records=ready.frame.records)
        begun = items.begin(tx, source, claim, raw_id, ready.good, known)
        turn.wait()
        _check_drift(tx, source, claim, ready)
        counts = store.load(tx, source, claim, raw_id, ready.good, ready.rejects, ready.frame, known, begun)
        store.advance(tx, claim, ready.page)
        claims.count(tx, claim, counts, ready.page.position)
    log.info("page loaded", part=ready.page.part, **counts)


def _check_drift(tx: Connection, source: Source, claim: Claim, ready: Ready) -> None:
    so_far, rejects = claims.so_far(tx, claim), ready.rejects
    fetched, rejected = so_far.fetched + ready.frame.records, so_far.rejected + len(rejects)
    drift.check(source, rejects, fetched=fetched, rejected=rejected)
