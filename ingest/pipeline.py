"""Read this first: how one run of one source goes, page by page.

A page has happened or it has not, and the checkpoint stands exactly where the rows do.
"""

from dataclasses import dataclass
from functools import partial

import polars as pl
import structlog
from sqlalchemy import Engine

from ingest import claims, drift, store
from ingest.ahead import ahead
from ingest.claims import Claim
from ingest.declared import Source
from ingest.decode import decode
from ingest.http import Http
from ingest.known import Known
from ingest.lease import Lease
from ingest.normalize import normalize
from ingest.packed import Packed, pack
from ingest.page import Frame, Page, Position, Reject

log = structlog.get_logger()


def pull(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease) -> None:
    """Load every page since the checkpoint, one commit a page, while the next page is made ready.

    Raises what ends a run early: see `ingest.errors`. Pages that were loaded before stay loaded.
    """
    pages, known = source.pull(http, checkpoint(db, claim)), Known(source)
    with ahead(pages, partial(make_ready, source=source)) as in_order:
        for ready in in_order:
            lease.check()
            load_page(db, source, claim, known, ready)
    lease.check()


def checkpoint(db: Engine, claim: Claim) -> dict[str, Position]:
    """Return where the source stands, and note it in the run."""
    with db.begin() as tx:
        standing = store.positions(tx, claim)
        claims.started(tx, claim, standing)
    return standing


@dataclass(frozen=True)
class Ready:
    """A page with all that can be known of it without PostgreSQL."""

    page: Page
    packed: Packed
    frame: Frame
    good: pl.DataFrame
    rejects: list[Reject]


def make_ready(page: Page, source: Source) -> Ready:
    """Decode and normalise a page. Pure."""
    frame = decode(page, source)
    good, rejects = normalize(frame, source)
    return Ready(page, pack(page.body), frame, good, rejects)


def load_page(db: Engine, source: Source, claim: Claim, known: Known, ready: Ready) -> None:
    """In one transaction land a page, load it, advance and count.

    Raises SourceBroken, and writes nothing of the page, when too many of the run's records are rejects.
    """
    frame, rejects = ready.frame, ready.rejects
    with db.begin() as tx:
        claims.guard(tx, claim)
        so_far = claims.so_far(tx, claim)
        drift.check(
            source,
            rejects,
            fetched=so_far.fetched + frame.records,
            rejected=so_far.rejected + len(rejects),
        )
        raw_id = store.land(tx, claim, ready.page, ready.packed, records=frame.records)
        counts = store.load(tx, source, claim, raw_id, ready.good, rejects, frame, known)
        store.advance(tx, claim, ready.page)
        claims.count(tx, claim, counts, ready.page.position)
    log.info("page loaded", part=ready.page.part, **counts)
