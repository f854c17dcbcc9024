"""Every write of pages, items, rejects and checkpoints. Never commits: the caller owns the transaction."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from ingest import held, items, together
from ingest.batch import Batch, Ready
from ingest.by_halves import Refused
from ingest.claims import Claim
from ingest.company import Company
from ingest.copy_rows import copy_rows
from ingest.declared import Source
from ingest.items import Begun
from ingest.known import Known
from ingest.landed import Landed, Place
from ingest.page import Frame, Position, Reject
from ingest.rejects import set_aside, set_aside_again
from models import RAW_ID, Checkpoint, RawPage, Run

MOST_IDS = 50


def positions(tx: Connection, claim: Claim) -> dict[str, Position]:
    """Where the source stands, by part. A full run goes on only from what it has written itself."""
    query = select(Checkpoint.part, Checkpoint.position).where(Checkpoint.source == claim.source)
    if claim.part is not None:
        query = query.where(Checkpoint.part == claim.part.name)
    if claim.mode == "full":
        query = query.where(Checkpoint.run_id == claim.run_id)
    return {row.part: row.position for row in tx.execute(query)}


def places(db: Engine, claim: Claim) -> Iterator[Place]:
    """The places of the next pages, in order. Those that are not taken in the end stay empty."""
    if claim.part is not None:
        return (Place(raw_id, sequence) for raw_id, sequence in held.places(db, claim.part))
    with db.connect() as connection:
        first = connection.scalar(select(Run.pages).where(Run.id == claim.run_id)) or 0
    return (Place(raw_id, sequence) for sequence, raw_id in enumerate(_raw_ids(db), first))


def _raw_ids(db: Engine) -> Iterator[int]:
    """Growing ids; more at a time the more are asked for."""
    many = 1
    while True:
        with db.begin() as tx:
            ids = tx.scalars(select(RAW_ID.next_value()).select_from(func.generate_series(1, many))).all()
        yield from ids
        many = min(2 * many, MOST_IDS)


def land(tx: Connection, claim: Claim, batch: Batch) -> None:
    """Keep the bytes of the pages as they came, under the ids that their items and rejects refer to."""
    each = zip(batch.pages, batch.places, batch.records, strict=True)
    rows = [_raw(claim, ready, place, records) for ready, place, records in each]
    copy_rows(tx, RawPage.__tablename__, rows)


def _raw(claim: Claim, ready: Ready, place: Place, records: int) -> dict[str, Any]:
    page, packed = ready.page, ready.packed
    return {
        "id": place.raw_id,
        "source": claim.source,
        "run_id": claim.run_id,
        "part": page.part,
        "sequence": place.sequence,
        "request": dict(page.request),
        "media_type": page.media_type,
        "records": records,
        "size": packed.size,
        "sha256": packed.sha256,
        "body": packed.body,
        "fetched_at": page.fetched_at,
    }


def load(
    tx: Connection,
    source: Source,
    claim: Claim,
    landed: Landed,
    good: pl.DataFrame,
    rejects: Sequence[Reject],
    frame: Frame,
    known: Known | Company | None = None,
    begun: Begun | None = None,
) -> dict[str, int]:
    """Bring items and rejects in line with pages; loading them again changes nothing. Returns the counts.

    New rows go in by COPY, changed rows are updated, equal rows are not touched. Of equal keys in the
    pages the last counts (or the newest, where the dataset says what is newest), the others are superseded.
    What PostgreSQL refuses of the good rows becomes a reject; `frame` knows its record. `known` spares
    questions where this run alone writes to the source, and the company of others asks its own; `begun` is
    what `items.begin` has written already.
    """
    rows = good if begun is None else begun.others
    if isinstance(known, Company):
        counts, refused = together.write(tx, source, claim, landed, rows, known)
    else:
        counts, refused = items.write(tx, source, claim, landed, rows, known)
    if begun is not None:
        counts, refused = counts + begun.counts, begun.refused + refused
    found = [*rejects, *(_refused(row, frame) for row in refused)]
    standing = known.open_rejects if isinstance(known, Known) else None
    set_aside(tx, source, claim, landed, found, arrived=good, standing=standing)
    return _outcomes(frame, counts, found)


def load_again(
    tx: Connection,
    source: Source,
    claim: Claim,
    landed: Landed,
    good: pl.DataFrame,
    rejects: Sequence[Reject],
    frame: Frame,
) -> dict[str, int]:
    """Load records of a page that was landed before, all of it or some. Returns the counts.

    Rows of later pages or newer versions stay, and rejects that are settled or dismissed stay so.
    """
    counts, refused = items.write(tx, source, claim, landed, good)
    found = [*rejects, *(_refused(row, frame) for row in refused)]
    accepted = set(good["index"]) - {row.index for row in refused}
    set_aside_again(tx, source, claim, landed, found, accepted=accepted, arrived=good)
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


def advance(tx: Connection, claim: Claim, batch: Batch) -> Position | None:
    """Move the checkpoints of the pages' parts to where the pages end. Returns the last position, if any."""
    ends = {ready.page.part: ready.page.position for ready in batch.pages if ready.page.position is not None}
    for part, position in ends.items():
        stand = {"position": position, "run_id": claim.run_id, "fence": claim.fence}
        tx.execute(
            upsert(Checkpoint)
            .values(source=claim.source, part=part, **stand)
            .on_conflict_do_update(
                index_elements=["source", "part"], set_={**stand, "updated_at": func.now()}
            )
        )
    return position if ends else None
