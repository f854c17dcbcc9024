"""Rejects into their table: what a page sets aside, and what its records settle."""

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, delete, text

from ingest.claims import Claim
from ingest.copy_in import copy_in
from ingest.declared import Source
from ingest.normalize.plan import copy_text
from ingest.open_rejects import ARRIVED, OpenRejects, fingerprint
from ingest.page import Reject
from ingest.storable import storable
from ingest.verdicts import judged_again
from models import Reject as RejectRow

LONGEST_RECORD = 65_536
SCHEMA = {
    "source": pl.String,
    "run_id": pl.Int64,
    "raw_id": pl.Int64,
    "raw_index": pl.Int64,
    "position": pl.String,
    "key": pl.String,
    "field": pl.String,
    "reason": pl.String,
    "message": pl.String,
    "record": pl.String,
}

# Built once: to build it takes longer than to write a few rejects.
_LINE = pl.concat_str(
    [copy_text(pl.col(name).cast(pl.String)).fill_null("\\N") for name in SCHEMA], separator="\t"
)

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
    standing: OpenRejects | None = None,
) -> None:
    """Keep the page's rejects in place of its earlier ones, and settle older ones whose key came again.

    `standing` are those of the source, where this run alone writes them.
    """
    tx.execute(delete(RejectRow).where(RejectRow.source == source.name, RejectRow.raw_id == raw_id))
    rows = _rows(rejects, claim, raw_id)
    _settle(tx, source, raw_id, rows, arrived, standing)
    _write(tx, rows)


def set_aside_again(
    tx: Connection,
    source: Source,
    claim: Claim,
    raw_id: int,
    rejects: Sequence[Reject],
    *,
    accepted: Collection[int],
    arrived: pl.Series,
) -> None:
    """Bring the rejects of a page that was loaded before in line with today's verdicts: `ingest.verdicts`."""
    _settle(tx, source, raw_id, _rows(rejects, claim, raw_id), arrived, None)
    first_time = judged_again(tx, source, raw_id, accepted, rejects)
    _write(tx, _rows(first_time, claim, raw_id))


def _rows(rejects: Sequence[Reject], claim: Claim, raw_id: int) -> pl.DataFrame:
    return pl.DataFrame([_row(reject, claim, raw_id) for reject in rejects], schema=SCHEMA, orient="row")


def _write(tx: Connection, rows: pl.DataFrame) -> None:
    if len(rows):
        copy_in(tx, RejectRow.__tablename__, list(SCHEMA), rows.select(_LINE).to_series())


def _settle(
    tx: Connection,
    source: Source,
    raw_id: int,
    rows: pl.DataFrame,
    arrived: pl.Series,
    standing: OpenRejects | None,
) -> None:
    """Settle the rejects whose records have come again, good or bad. `rows` are open from then on."""
    bad = _by_key_or_record(rows)
    every = pl.concat([pl.DataFrame({"key": arrived}).with_columns(record=pl.lit(None, pl.String)), bad])
    standing = standing or OpenRejects(tx, source, most=len(every))
    met = standing.met(every)
    if not met.is_empty():
        found = {"keys": met["key"].drop_nulls().to_list(), "records": met["record"].drop_nulls().to_list()}
        tx.execute(_SETTLE, {"source": source.name, "raw_id": raw_id, **found})
    standing.add(bad)


def _by_key_or_record(rows: pl.DataFrame) -> pl.DataFrame:
    """The rejects by their keys; those without one by the fingerprints of their records."""
    records = [
        fingerprint(record) if key is None else None for key, record in rows.select("key", "record").rows()
    ]
    return pl.DataFrame({"key": rows["key"], "record": records}, schema=ARRIVED)


def _row(reject: Reject, claim: Claim, raw_id: int) -> tuple[Any, ...]:
    """The values of `SCHEMA`."""
    return (
        claim.source,
        claim.run_id,
        raw_id,
        reject.index,
        storable(reject.position, longest=LONGEST_RECORD),
        reject.key,
        reject.field,
        reject.reason,
        storable(reject.message, longest=LONGEST_RECORD),
        storable(reject.record, longest=LONGEST_RECORD),
    )
