"""Read this first: how one run of one source goes, page by page.

A page has happened or it has not, and the checkpoint stands exactly where the rows do.
"""

from contextlib import closing

import structlog
from sqlalchemy import Engine

from ingest import claims, drift, store
from ingest.claims import Claim
from ingest.declared import Source
from ingest.decode import decode
from ingest.http import Http
from ingest.lease import Lease
from ingest.normalize import normalize
from ingest.page import Page, Position

log = structlog.get_logger()


def pull(db: Engine, source: Source, claim: Claim, http: Http, lease: Lease) -> None:
    """Load every page since the checkpoint, one commit a page; no transaction is open while fetching.

    Raises what ends a run early: see `ingest.errors`. Pages that were loaded before stay loaded.
    """
    with closing(source.pull(http, checkpoint(db, claim))) as pages:
        for page in pages:
            lease.check()
            load_page(db, source, claim, page)
    lease.check()


def checkpoint(db: Engine, claim: Claim) -> dict[str, Position]:
    """Return where the source stands, and note it in the run."""
    with db.begin() as tx:
        standing = store.positions(tx, claim)
        claims.started(tx, claim, standing)
    return standing


def load_page(db: Engine, source: Source, claim: Claim, page: Page) -> None:
    """Decode and normalise a page, then in one transaction land it, load it, advance and count.

    Raises SourceBroken, and writes nothing of the page, when too many of the run's records are rejects.
    """
    frame = decode(page, source)
    good, rejects = normalize(frame, source)
    with db.begin() as tx:
        claims.guard(tx, claim)
        so_far = claims.so_far(tx, claim)
        drift.check(
            source,
            rejects,
            fetched=so_far.fetched + frame.records,
            rejected=so_far.rejected + len(rejects),
        )
        raw_id = store.land(tx, claim, page, records=frame.records)
        counts = store.load(tx, source, claim, raw_id, good, rejects, frame)
        store.advance(tx, claim, page)
        claims.count(tx, claim, counts, page.position)
    log.info("page loaded", part=page.part, **counts)
