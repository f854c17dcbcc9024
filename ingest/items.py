"""Rows into a dataset's table: what is new, what differs, what is equal."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from psycopg2 import sql
from sqlalchemy import Connection

from ingest.by_halves import Refused, check_refused, write_by_halves
from ingest.claims import Claim
from ingest.company import Company
from ingest.copy_in import copy_in, own_cursor
from ingest.declared import Dataset, Source
from ingest.fold import fold
from ingest.known import BY_INDEX, Known
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


# One look into the index for each key, whatever the planner believes: on a table that grew since it was last
# analysed it would hash the whole table for every page, or walk it once for every key (measured: 2.5 s
# instead of 0.1 s a page). LATERAL with LIMIT leaves it no other order.
_STANDING = """
    SELECT page.key, encode(uuid_send(found.content_hash), 'hex') FROM unnest(%s::text[]) AS page (key)
     CROSS JOIN LATERAL (
       SELECT content_hash FROM {table} AS i WHERE i.source = %s AND i.key = page.key LIMIT 1) AS found
"""


def classify(tx: Connection, source: Source, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Part the rows into new ones, changed ones, and the number of those that are there already."""
    if rows.is_empty():
        return rows, rows, 0
    standing = _standing(tx, source, rows["key"].to_list())
    found = rows.join(standing, on="key", how="left", maintain_order="left")
    stands = found["stands"]
    new, changed = rows.filter(stands.is_null()), rows.filter(stands.is_not_null() & (stands != rows["hash"]))
    return new, changed, len(rows) - len(new) - len(changed)


def _standing(tx: Connection, source: Source, keys: list[str]) -> pl.DataFrame:
    query = sql.SQL(_STANDING).format(table=sql.Identifier(source.dataset.name))
    tx.execute(BY_INDEX)
    with own_cursor(tx) as cursor:
        cursor.execute(query, (keys, source.name))
        return pl.DataFrame(cursor.fetchall(), schema={"key": pl.String, "stands": pl.String}, orient="row")


def insert_new(tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame) -> int:
    """COPY new rows straight into the table; the fence makes this the one writer of the source."""
    _copy(tx, source.dataset.name, source, claim, landed, rows)
    return len(rows)


def update_changed(tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame) -> int:
    """Overwrite rows that differ, unless what stands is newer; return how many were."""
    with own_cursor(tx) as cursor:
        cursor.execute(_stage_statement(source.dataset))
    _copy(tx, "staged", source, claim, landed, rows)
    with own_cursor(tx) as cursor:
        cursor.execute("ANALYZE staged")
        cursor.execute(_update_statement(source.dataset))
        updated: int = cursor.rowcount
        cursor.execute("DROP TABLE staged")
    return updated


def _columns(dataset: Dataset) -> list[str]:
    return [*SYSTEM, *(field.name for field in dataset.fields)]


def _stage_statement(dataset: Dataset) -> sql.Composed:
    return sql.SQL(
        "CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, _columns(dataset))), table=sql.Identifier(dataset.name)
    )


def _update_statement(dataset: Dataset) -> sql.Composed:
    settable = [sql.Identifier(name) for name in _columns(dataset) if name not in ("source", "key")]
    return sql.SQL(
        "UPDATE {table} AS i SET {assignments}, updated_at = now() FROM staged AS s"
        " WHERE i.source = s.source AND i.key = s.key AND {gives_way}"
    ).format(
        table=sql.Identifier(dataset.name),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(column) for column in settable),
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
