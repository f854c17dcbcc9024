"""Every write of pages, items, rejects and checkpoints. Never commits: the caller owns the transaction."""

from collections import Counter
from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from ingest import items
from ingest.by_halves import Refused
from ingest.claims import Claim
from ingest.declared import Source
from ingest.known import Known
from ingest.packed import Packed
from ingest.page import Frame, Page, Position, Reject
from ingest.rejects import set_aside, set_aside_again
from models import Checkpoint, RawPage, Run


def positions(tx: Connection, claim: Claim) -> dict[str, Position]:
    """Where the source stands, by part. A full run goes on only from what it has written itself."""
    query = select(Checkpoint.part, Checkpoint.position).where(Checkpoint.source == claim.source)
    if claim.mode == "full":
        query = query.where(Checkpoint.run_id == claim.run_id)
    return {row.part: row.position for row in tx.execute(query)}


def land(tx: Connection, claim: Claim, page: Page, packed: Packed, *, records: int) -> int:
    """Keep the page's bytes as they came; return the id that its items and rejects refer to."""
    raw_id = tx.scalar(
        insert(RawPage)
        .values(
            source=claim.source,
            run_id=claim.run_id,
            part=page.part,
            sequence=select(Run.pages).where(Run.id == claim.run_id).scalar_subquery(),
            request=dict(page.request),
            media_type=page.media_type,
            records=records,
            size=packed.size,
            sha256=packed.sha256,
            body=packed.body,
            fetched_at=page.fetched_at,
        )
        .returning(RawPage.id)
    )
    return int(raw_id or 0)


def load(
    tx: Connection,
    source: Source,
    claim: Claim,
    raw_id: int,
    good: pl.DataFrame,
    rejects: Sequence[Reject],
    frame: Frame,
    known: Known | None = None,
) -> dict[str, int]:
    """Bring items and rejects in line with one page; loading it again changes nothing. Returns the counts.

    New rows go in by COPY, changed rows are updated, equal rows are not touched. Of equal keys in the
    page the last counts (or the newest, where the dataset says what is newest), the others are superseded.
    What PostgreSQL refuses of the good rows becomes a reject; `frame` knows its record.
    """
    counts, refused = items.write(tx, source, claim, raw_id, good, known)
    found = [*rejects, *(_refused(row, frame) for row in refused)]
    set_aside(tx, source, claim, raw_id, found, arrived=good["key"].unique())
    return _outcomes(frame, counts, found)


def load_again(
    tx: Connection,
    source: Source,
    claim: Claim,
    raw_id: int,
    good: pl.DataFrame,
    rejects: Sequence[Reject],
    frame: Frame,
) -> dict[str, int]:
    """Load records of a page that was landed before, all of it or some. Returns the counts.

    Rows of later pages or newer versions stay, and rejects that are settled or dismissed stay so.
    """
    counts, refused = items.write(tx, source, claim, raw_id, good)
    found = [*rejects, *(_refused(row, frame) for row in refused)]
    accepted = set(good["index"]) - {row.index for row in refused}
    arrived = good["key"].unique()
    set_aside_again(tx, source, claim, raw_id, found, accepted=accepted, arrived=arrived)
    return _outcomes(frame, counts, found)


def _outcomes(frame: Frame, counts: Counter[str], rejects: Sequence[Reject]) -> dict[str, int]:
    """What became of each record: a good one that was not written gave way to another."""
    return {
        "fetched": frame.records,
        "inserted": counts["inserted"],
        "updated": counts["updated"],
        "unchanged": counts["unchanged"],
        "rejected": len(rejects),
        "superseded": frame.records - len(rejects) - counts.total(),
    }


def _refused(row: Refused, frame: Frame) -> Reject:
    record = frame.numbered(row.index)
    message = f"PostgreSQL refuses the row: {row.message}"
    return Reject(row.index, record.position, "refused", message, record.text, key=row.key, field=row.field)


def advance(tx: Connection, claim: Claim, page: Page) -> None:
    """Move the checkpoint of the page's part to where the page ends."""
    if page.position is None:
        return
    stand = {"position": page.position, "run_id": claim.run_id, "fence": claim.fence}
    tx.execute(
        upsert(Checkpoint)
        .values(source=claim.source, part=page.part, **stand)
        .on_conflict_do_update(index_elements=["source", "part"], set_={**stand, "updated_at": func.now()})
    )
