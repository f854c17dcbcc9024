"""Rows into a dataset's table: what is new is inserted, what differs is updated, what is equal stays."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from psycopg2 import sql
from sqlalchemy import Connection

from ingest.by_halves import Refused, check_refused, write_by_halves
from ingest.claims import Claim
from ingest.classify import classify
from ingest.company import Company
from ingest.copy_in import copy_in, own_cursor
from ingest.declared import Dataset, Source
from ingest.fold import fold
from ingest.known import Known
from ingest.landed import PAGE_AND_NUMBER, Landed

Written = tuple[Counter[str], list[Refused]]

SYSTEM = ["source", "run_id", *PAGE_AND_NUMBER, "content_hash", "key"]


@dataclass(frozen=True)
class Begun:
    """What was written of a page before its turn: the counts, what PostgreSQL refused, and the other rows."""

    counts: Counter[str]
    refused: list[Refused]
    others: pl.DataFrame


def begin(
    tx: Connection, source: Source, claim: Claim, landed: Landed, good: pl.DataFrame, known: Known | Company
) -> Begun:
    """Insert the rows that are new whatever the pages before this one bring."""
    new, others = known.certainly_new(good)
    inserted, refused = _insert(tx, source, claim, landed, new)
    return Begun(Counter(inserted=inserted), refused, others)


def write(
    tx: Connection,
    source: Source,
    claim: Claim,
    landed: Landed,
    good: pl.DataFrame,
    known: Known | None = None,
) -> Written:
    """Bring the table in line with the good rows of a page; return the counts and what PostgreSQL refused."""
    unchanged, others = (0, good) if known is None else known.unchanged(tx, good)
    counts, refused = write_by(_write_folded, tx, source, claim, landed, others)
    return counts + Counter(unchanged=unchanged), refused


def write_by(
    folded: Callable[..., Written],
    tx: Connection,
    source: Source,
    claim: Claim,
    landed: Landed,
    good: pl.DataFrame,
) -> Written:
    """Write the good rows of a page, one a key; return the counts and what PostgreSQL refused.

    Of equal keys the last counts (or the newest, where the dataset says what is newest); when PostgreSQL
    refuses that one, it is the turn of the one before. Raises SourceBroken when too many are refused.
    """
    counts, refused = Counter[str](), list[Refused]()
    while not good.is_empty():
        counted, found = folded(tx, source, claim, landed, fold(good, source.dataset))
        counts += counted
        refused += found
        check_refused(source.dataset.name, refused)
        if not found:
            break
        good = good.filter(
            pl.col("key").is_in([row.key for row in found])
            & ~pl.col("index").is_in([row.index for row in found])
        )
    return counts, refused


def _write_folded(
    tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame
) -> Written:
    new, changed, unchanged = classify(tx, source, rows)
    inserted, not_inserted = _insert(tx, source, claim, landed, new)
    updated, not_updated = write_by_halves(
        tx, source.dataset.name, changed, lambda part: update_changed(tx, source, claim, landed, part)
    )
    counts = Counter(inserted=inserted, updated=updated, unchanged=unchanged)
    return counts, not_inserted + not_updated


def _insert(
    tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame
) -> tuple[int, list[Refused]]:
    return write_by_halves(
        tx, source.dataset.name, rows, lambda part: insert_new(tx, source, claim, landed, part)
    )


def insert_new(tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame) -> int:
    """COPY new rows straight into the table; the fence makes this the one writer of the source."""
    _copy(tx, source.dataset.name, source, claim, landed, rows)
    return len(rows)


def update_changed(tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame) -> int:
    """Overwrite rows that differ, unless what stands is newer; return how many were."""
    with own_cursor(tx) as cursor:
        cursor.execute(_stage_statement(source.dataset))
    _copy(tx, _staged(source.dataset), source, claim, landed, rows)
    with own_cursor(tx) as cursor:
        cursor.execute(_ONE_BY_ONE)
        cursor.execute(_update_statement(source.dataset))
        updated: int = cursor.rowcount
    return updated


def _staged(dataset: Dataset) -> str:
    """The temporary table that hides no other: a dataset has no blank in its name."""
    return f"staged {dataset.name}"


def _columns(dataset: Dataset) -> list[str]:
    return [*SYSTEM, *(field.name for field in dataset.fields)]


# A session keeps the table: to make it anew for every page takes longer than to update a few rows. After a
# commit it is empty, and is emptied for whoever updates twice in one transaction.
_STAGE = """
    CREATE TEMP TABLE IF NOT EXISTS {staged} ON COMMIT DELETE ROWS
        AS SELECT {columns} FROM {table} WITH NO DATA;
    DELETE FROM {staged}
"""
# One look into the index for each row: nobody has told the planner how many there are. They themselves are
# read in one go, which BY_INDEX of `ingest.known` forbids until the transaction ends.
_ONE_BY_ONE = """
    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off
"""
_UPDATE = """UPDATE {table} AS i SET {assignments}, updated_at = now() FROM {staged} AS s
     WHERE i.source = s.source AND i.key = s.key AND {gives_way}
"""


def _stage_statement(dataset: Dataset) -> sql.Composed:
    return sql.SQL(_STAGE).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, _columns(dataset))),
        table=sql.Identifier(dataset.name),
        staged=sql.Identifier(_staged(dataset)),
    )


def _update_statement(dataset: Dataset) -> sql.Composed:
    settable = [sql.Identifier(name) for name in _columns(dataset) if name not in ("source", "key")]
    return sql.SQL(_UPDATE).format(
        table=sql.Identifier(dataset.name),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(column) for column in settable),
        staged=sql.Identifier(_staged(dataset)),
        gives_way=_gives_way(dataset),
    )


_LATER = sql.SQL("(i.raw_id, i.raw_index) <= (s.raw_id, s.raw_index)")


def _gives_way(dataset: Dataset) -> sql.Composable:
    """A row gives way to a newer version of itself; of equal versions to the same or a later record.

    So it does not matter in which order records are loaded, and a replay of old pages undoes nothing.
    """
    if dataset.newest_by is None:
        return _LATER
    return sql.SQL(
        "((i.raw_id, i.raw_index) = (s.raw_id, s.raw_index) OR s.{0} > i.{0}"
        " OR (i.{0} IS NULL AND s.{0} IS NOT NULL) OR (s.{0} IS NOT DISTINCT FROM i.{0} AND {later}))"
    ).format(sql.Identifier(dataset.newest_by), later=_LATER)


def _copy(
    tx: Connection, table: str, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame
) -> None:
    same = pl.lit(f"{source.name}\t{claim.run_id}")
    placed = landed.places(rows["index"]).hstack(rows[["hash", "line"]])
    copy_in(tx, table, _columns(source.dataset), placed.select(same, *PAGE_AND_NUMBER, "hash", "line"))
