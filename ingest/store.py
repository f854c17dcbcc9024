"""Every write of pages, items, rejects and checkpoints. Never commits: the caller owns the transaction."""

import hashlib
from collections.abc import Sequence
from typing import Any

import polars as pl
import zstandard
from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from ingest.claims import Claim
from ingest.declared import Source
from ingest.items import classify, fold, insert_new, update_changed
from ingest.page import Page, Position, Reject
from ingest.storable import storable
from models import Checkpoint, RawPage, Run
from models import Reject as RejectRow

LONGEST_RECORD = 65_536


def positions(tx: Connection, claim: Claim) -> dict[str, Position]:
    """Where the source stands, by part. A full run goes on only from what it has written itself."""
    query = select(Checkpoint.part, Checkpoint.position).where(Checkpoint.source == claim.source)
    if claim.mode == "full":
        query = query.where(Checkpoint.run_id == claim.run_id)
    return {row.part: row.position for row in tx.execute(query)}


def land(tx: Connection, claim: Claim, page: Page, *, records: int) -> int:
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
            size=len(page.body),
            sha256=hashlib.sha256(page.body).digest(),
            body=zstandard.ZstdCompressor(level=3).compress(page.body),
            fetched_at=page.fetched_at,
        )
        .returning(RawPage.id)
    )
    return int(raw_id or 0)


def load(
    tx: Connection, source: Source, claim: Claim, raw_id: int, good: pl.DataFrame, rejects: Sequence[Reject]
) -> dict[str, int]:
    """Bring items and rejects in line with one page; loading it again changes nothing. Returns the counts.

    New rows go in by COPY, changed rows are updated, equal rows are not touched. Of equal keys in the
    page the last counts (or the newest, where the dataset says what is newest), the others are superseded.
    """
    folded = fold(good, source.dataset)
    new, changed, unchanged = classify(tx, source, folded)
    insert_new(tx, source, claim, raw_id, new)
    updated = update_changed(tx, source, claim, raw_id, changed)
    set_aside(tx, source, claim, raw_id, rejects, arrived=folded["key"])
    return {
        "fetched": len(good) + len(rejects),
        "inserted": len(new),
        "updated": updated,
        "unchanged": unchanged,
        "rejected": len(rejects),
        "superseded": len(good) - len(folded) + len(changed) - updated,
    }


_SETTLE = text("""
    UPDATE rejects SET state = 'resolved', updated_at = now()
     WHERE source = :source AND state = 'open' AND raw_id < :raw_id
       AND (key = ANY(:keys) OR (key IS NULL AND md5(record) = ANY(:records)))
""")


def set_aside(
    tx: Connection,
    source: Source,
    claim: Claim,
    raw_id: int,
    rejects: Sequence[Reject],
    *,
    arrived: pl.Series,
) -> None:
    """Keep the page's rejects in place of its earlier ones, and settle older ones whose key came again."""
    tx.execute(delete(RejectRow).where(RejectRow.source == source.name, RejectRow.raw_id == raw_id))
    keys = [*arrived.to_list(), *(reject.key for reject in rejects if reject.key is not None)]
    rows = [_reject_row(reject, claim, raw_id) for reject in rejects]
    records = [_md5(row["record"]) for row in rows if row["key"] is None]
    tx.execute(_SETTLE, {"source": source.name, "raw_id": raw_id, "keys": keys, "records": records})
    if rows:
        tx.execute(insert(RejectRow), rows)


def _md5(record: str) -> str:
    """The fingerprint that PostgreSQL's md5() gives, to know a record without a key again."""
    return hashlib.md5(record.encode(), usedforsecurity=False).hexdigest()


def _reject_row(reject: Reject, claim: Claim, raw_id: int) -> dict[str, Any]:
    return {
        "source": claim.source,
        "run_id": claim.run_id,
        "raw_id": raw_id,
        "raw_index": reject.index,
        "position": reject.position,
        "key": reject.key,
        "field": reject.field,
        "reason": reject.reason,
        "message": storable(reject.message, longest=LONGEST_RECORD),
        "record": storable(reject.record, longest=LONGEST_RECORD),
    }


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
