"""Rows into a dataset's table: what is new, what differs, what is equal."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import psycopg2
from psycopg2 import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ingest.claims import Claim
from ingest.declared import Dataset, Source
from ingest.normalize.fields import TYPES
from ingest.normalize.rows import copy_text

SYSTEM = ["source", "key", "content_hash", "raw_id", "raw_index", "run_id"]


def fold(good: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """One row a key: PostgreSQL refuses to write a row twice in one statement (21000)."""
    if dataset.newest_by is None or not good["key"].is_duplicated().any():
        return good.unique("key", keep="last", maintain_order=True)
    order = TYPES[dataset.field(dataset.newest_by).type].order
    assert order is not None, "the catalogue admits only types with an order"
    repeated = good["key"].is_duplicated()
    newest: dict[str, tuple[tuple[bool, object], int]] = {}
    for index, key, version in good.filter(repeated).select("index", "key", "version").iter_rows():
        age = (version is not None, None if version is None else order(version))
        if key not in newest or _not_older(age, newest[key][0]):
            newest[key] = (age, index)
    kept = [index for _, index in newest.values()]
    return good.filter(~repeated | pl.col("index").is_in(kept))


def _not_older(age: tuple[bool, object], other: tuple[bool, object]) -> bool:
    """A known age beats an unknown one; of equal ages the later row counts."""
    return age[0] > other[0] if age[0] != other[0] else not age[0] or age[1] >= other[1]  # type: ignore[operator]


# One look into the index for each key, whatever the planner believes: on a table that grew since it was last
# analysed it would hash the whole table for every page, or walk it once for every key (measured: 2.5 s
# instead of 0.1 s a page). LATERAL with LIMIT leaves it no other order.
_STANDING = """
    SELECT page.key, encode(uuid_send(found.content_hash), 'hex') FROM unnest(%s::text[]) AS page (key)
     CROSS JOIN LATERAL (
       SELECT content_hash FROM {table} AS i WHERE i.source = %s AND i.key = page.key LIMIT 1) AS found
"""
_BY_INDEX = text("SET LOCAL enable_seqscan = off")


def classify(tx: Connection, source: Source, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Part the rows into new ones, changed ones, and the number of those that are there already."""
    standing = _standing(tx, source, rows["key"].to_list())
    known = rows.join(standing, on="key", how="left", maintain_order="left")
    new = known.filter(pl.col("stands").is_null())
    changed = known.filter(pl.col("stands").is_not_null() & (pl.col("stands") != pl.col("hash")))
    return new, changed, len(rows) - len(new) - len(changed)


def _standing(tx: Connection, source: Source, keys: list[str]) -> pl.DataFrame:
    query = sql.SQL(_STANDING).format(table=sql.Identifier(source.dataset.name))
    tx.execute(_BY_INDEX)
    with _cursor(tx) as cursor:
        cursor.execute(query, (keys, source.name))
        return pl.DataFrame(cursor.fetchall(), schema={"key": pl.String, "stands": pl.String}, orient="row")


@contextmanager
def _cursor(tx: Connection) -> Iterator[Any]:
    """psycopg2's own cursor, which alone can COPY, with its errors as SQLAlchemy's."""
    try:
        connection: Any = tx.connection
        with connection.cursor() as cursor:
            yield cursor
    except psycopg2.Error as error:
        dialect: Any = tx.dialect
        gone = dialect.is_disconnect(error, None, None)
        raise DBAPIError.instance(
            None,
            None,
            error,
            psycopg2.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=tx.dialect,
        ) from error


def insert_new(tx: Connection, source: Source, claim: Claim, raw_id: int, rows: pl.DataFrame) -> None:
    """COPY new rows straight into the table; the fence makes this the one writer of the source."""
    if not rows.is_empty():
        _copy(tx, source.dataset.name, source, claim, raw_id, rows)


def update_changed(tx: Connection, source: Source, claim: Claim, raw_id: int, rows: pl.DataFrame) -> int:
    """Overwrite rows that differ, unless what stands is newer; return how many were."""
    if rows.is_empty():
        return 0
    with _cursor(tx) as cursor:
        cursor.execute(_stage_statement(source.dataset))
    _copy(tx, "staged", source, claim, raw_id, rows)
    with _cursor(tx) as cursor:
        cursor.execute("ANALYZE staged")
        cursor.execute(_update_statement(source.dataset))
        updated: int = cursor.rowcount
        cursor.execute("DROP TABLE staged")
    return updated


def _columns(dataset: Dataset) -> list[sql.Identifier]:
    return [sql.Identifier(name) for name in [*SYSTEM, *(field.name for field in dataset.fields)]]


def _stage_statement(dataset: Dataset) -> sql.Composed:
    return sql.SQL(
        "CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"
    ).format(columns=sql.SQL(", ").join(_columns(dataset)), table=sql.Identifier(dataset.name))


def _update_statement(dataset: Dataset) -> sql.Composed:
    """A row gives way to the same or a later page, and to the same or a later version of itself."""
    settable = [column for column in _columns(dataset) if column.string not in ("source", "key")]
    statement = sql.SQL(
        "UPDATE {table} AS i SET {assignments}, updated_at = now() FROM staged AS s"
        " WHERE i.source = s.source AND i.key = s.key AND i.raw_id <= s.raw_id"
    ).format(
        table=sql.Identifier(dataset.name),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(column) for column in settable),
    )
    if dataset.newest_by is None:
        return statement
    newer = sql.SQL(" AND (i.{0} IS NULL OR s.{0} >= i.{0})").format(sql.Identifier(dataset.newest_by))
    return statement + newer


def _copy(tx: Connection, table: str, source: Source, claim: Claim, raw_id: int, rows: pl.DataFrame) -> None:
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(table), columns=sql.SQL(", ").join(_columns(source.dataset))
    )
    system = [
        pl.lit(source.name),
        copy_text(pl.col("key")),
        pl.col("hash"),
        pl.lit(str(raw_id)),
        pl.col("index").cast(pl.String),
        pl.lit(str(claim.run_id)),
    ]
    lines = rows.select(pl.concat_str([*system, pl.col("line")], separator="\t"))
    body = "\n".join(lines.to_series().to_list()) + "\n"
    with _cursor(tx) as cursor:
        cursor.copy_expert(statement, io.BytesIO(body.encode()))
