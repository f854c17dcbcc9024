"""Rejects into their table: what pages set aside, and what their records settle."""

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, delete, text

from ingest.claims import Claim
from ingest.copy_in import copy_in
from ingest.declared import Source
from ingest.landed import Landed
from ingest.normalize.plan import copy_text
from ingest.open_rejects import OpenRejects, fingerprint
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
    "state": pl.String,
}

# A record by its key, or by its fingerprint where it has none.
ARRIVED = {"key": pl.String, "record": pl.String}

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
    landed: Landed,
    rejects: Sequence[Reject],
    *,
    arrived: pl.DataFrame,
    standing: OpenRejects | None = None,
) -> None:
    """Keep the rejects of pages in place of their earlier ones, and settle those whose key came again.

    `arrived` are the good rows of the pages. `standing` are the open rejects of the source, where this run
    alone writes them.
    """
    tx.execute(delete(RejectRow).where(RejectRow.source == source.name, RejectRow.raw_id.in_(landed.raw_ids)))
    rows = _settled_within(_rows(rejects, claim, landed), arrived, landed)
    _settle(tx, source, landed, rows, arrived, standing)
    _write(tx, rows)


def set_aside_again(
    tx: Connection,
    source: Source,
    claim: Claim,
    landed: Landed,
    rejects: Sequence[Reject],
    *,
    accepted: Collection[int],
    arrived: pl.DataFrame,
) -> None:
    """Bring the rejects of a page that was loaded before in line with today's verdicts: `ingest.verdicts`."""
    _settle(tx, source, landed, _rows(rejects, claim, landed), arrived, None)
    first_time = judged_again(tx, source, landed.first, accepted, rejects)
    _write(tx, _rows(first_time, claim, landed))


def _rows(rejects: Sequence[Reject], claim: Claim, landed: Landed) -> pl.DataFrame:
    return pl.DataFrame([_row(reject, claim, landed) for reject in rejects], schema=SCHEMA, orient="row")


def _settled_within(rows: pl.DataFrame, arrived: pl.DataFrame, landed: Landed) -> pl.DataFrame:
    """The rejects, those resolved whose record has come again on a later one of the pages, good or bad."""
    if rows.is_empty() or len(landed.raw_ids) == 1:
        return rows
    bad = _by_key_or_record(rows).with_columns(rows["raw_id"])
    again = arrived.select("key", "index").join(bad, on="key", how="semi")
    good = pl.DataFrame({"key": again["key"], "raw_id": landed.places(again["index"])["raw_id"]})
    last = (
        pl.concat([bad, good], how="diagonal")
        .group_by(list(ARRIVED))
        .agg(pl.col("raw_id").max().alias("last"))
    )
    found = bad.join(last, on=list(ARRIVED), how="left", nulls_equal=True, maintain_order="left")
    resolved = found["raw_id"] < found["last"]
    return rows.with_columns(state=pl.when(resolved).then(pl.lit("resolved")).otherwise("state"))


def _write(tx: Connection, rows: pl.DataFrame) -> None:
    if len(rows):
        copy_in(tx, RejectRow.__tablename__, list(SCHEMA), rows.select(_LINE))


def _settle(
    tx: Connection,
    source: Source,
    landed: Landed,
    rows: pl.DataFrame,
    arrived: pl.DataFrame,
    standing: OpenRejects | None,
) -> None:
    """Settle the rejects of earlier pages whose records have come again, good or bad.

    `rows` are the new rejects, and open from then on but for those that are resolved already.
    """
    bad = _by_key_or_record(rows)
    bad_keys, bad_records = bad["key"].drop_nulls(), bad["record"].drop_nulls().to_list()
    every = pl.concat([arrived["key"], bad_keys])
    standing = standing or OpenRejects(tx, source, most=len(every) + len(bad_records))
    keys, records = standing.met(every, bad_records)
    if keys or records:
        values = {"source": source.name, "raw_id": landed.first, "keys": keys, "records": records}
        tx.execute(_SETTLE, values)
    standing.add(bad_keys, bad_records)


def _by_key_or_record(rows: pl.DataFrame) -> pl.DataFrame:
    """The rejects by their keys; those without one by the fingerprints of their records."""
    records = [fingerprint(record) if key is None else None for key, record in rows[["key", "record"]].rows()]
    return pl.DataFrame({"key": rows["key"], "record": records}, schema=ARRIVED)


def _row(reject: Reject, claim: Claim, landed: Landed) -> tuple[Any, ...]:
    """The values of `SCHEMA`."""
    return (
        claim.source,
        claim.run_id,
        *landed.place(reject.index),
        storable(reject.position, longest=LONGEST_RECORD),
        reject.key,
        reject.field,
        reject.reason,
        storable(reject.message, longest=LONGEST_RECORD),
        storable(reject.record, longest=LONGEST_RECORD),
        "open",
    )
