"""Rows into a dataset's table while other pullers of the same run write into it.

What stands may change between a look and a write. A new row that another puller brought first is refused by
the unique key, and then it is no new row any more; what differs gives way by the order of the plan, which the
UPDATE itself looks at. Keys and rows are written in one order by all, so that pullers wait for each other
and not in a circle.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import polars as pl
from psycopg2 import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ingest import items, traces
from ingest.by_halves import Refused, write_by_halves
from ingest.claims import Claim
from ingest.company import Company
from ingest.copy_in import own_cursor
from ingest.declared import Source
from ingest.items import Written
from ingest.known import BY_INDEX
from ingest.landed import Landed
from ingest.normalize.rows import GOOD
from ingest.postgres_errors import constraint

STANDING = {"key": pl.String, "stands": pl.String, "id": pl.Int64, "page": pl.Int64}
_NONE = pl.DataFrame(schema=GOOD | STANDING)


class KeyTaken(Exception):
    """Another puller has inserted one of the keys in the meantime."""


@dataclass(frozen=True)
class Look:
    """The rows of a page by what stands: nothing, another version (`id` and `page` tell which), the same."""

    new: pl.DataFrame
    changed: pl.DataFrame
    unchanged: pl.DataFrame


def write(
    tx: Connection, source: Source, claim: Claim, landed: Landed, good: pl.DataFrame, company: Company
) -> Written:
    """As `items.write`, beside other pullers of the run."""
    return items.write_by(partial(_write_folded, company=company), tx, source, claim, landed, good)


def _write_folded(
    tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame, company: Company
) -> Written:
    look, inserted, not_inserted = _insert(tx, source, claim, landed, rows.sort("key"), company)
    _hold(tx, source, look.changed)
    updated, not_updated = write_by_halves(
        tx,
        source.dataset.name,
        look.changed,
        lambda part: items.update_changed(tx, source, claim, landed, part),
    )
    _leave_traces(tx, claim, landed.first, look)
    counts = Counter(inserted=inserted, updated=updated, unchanged=len(look.unchanged))
    return counts, not_inserted + not_updated


def _insert(
    tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame, company: Company
) -> tuple[Look, int, list[Refused]]:
    """Insert what is new; when one of the keys is there after all, look again: another was first with it."""
    insert = partial(_insert_new, tx, source, claim, landed)
    while True:
        look = Look(rows, _NONE, _NONE) if company.expects_new else _look(tx, source, rows)
        try:
            with _savepoint(tx):
                written = write_by_halves(tx, source.dataset.name, look.new, insert)
        except KeyTaken:
            company.expects_new = False
            continue
        company.expects_new = look.changed.is_empty() and look.unchanged.is_empty()
        return look, *written


def _insert_new(tx: Connection, source: Source, claim: Claim, landed: Landed, rows: pl.DataFrame) -> int:
    try:
        return items.insert_new(tx, source, claim, landed, rows)
    except DBAPIError as error:
        if constraint(error) == f"uq_{source.dataset.name}_source_key":
            raise KeyTaken from error
        raise


@contextmanager
def _savepoint(tx: Connection) -> Iterator[None]:
    tx.execute(text("SAVEPOINT look"))
    try:
        yield
    except KeyTaken:
        tx.execute(text("ROLLBACK TO SAVEPOINT look; RELEASE SAVEPOINT look"))
        raise
    tx.execute(text("RELEASE SAVEPOINT look"))


_STANDING = """
    SELECT page.key, encode(uuid_send(found.content_hash), 'hex'), found.id, found.raw_id
      FROM unnest(%s::text[]) AS page (key)
     CROSS JOIN LATERAL (SELECT id, content_hash, raw_id FROM {table} AS i
                          WHERE i.source = %s AND i.key = page.key LIMIT 1) AS found
"""


def _look(tx: Connection, source: Source, rows: pl.DataFrame) -> Look:
    query = sql.SQL(_STANDING).format(table=sql.Identifier(source.dataset.name))
    tx.execute(BY_INDEX)
    with own_cursor(tx) as cursor:
        cursor.execute(query, (rows["key"].to_list(), source.name))
        standing = pl.DataFrame(cursor.fetchall(), schema=STANDING, orient="row")
    known = rows.join(standing, on="key", how="left", maintain_order="left")
    there, same = pl.col("stands").is_not_null(), pl.col("stands") == pl.col("hash")
    return Look(known.filter(~there), known.filter(there & ~same), known.filter(there & same))


def _hold(tx: Connection, source: Source, changed: pl.DataFrame) -> None:
    """Lock the rows that are to be overwritten, in the order that all keep to."""
    if changed.is_empty():
        return
    query = sql.SQL("SELECT FROM {table} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE")
    with own_cursor(tx) as cursor:
        cursor.execute(
            query.format(table=sql.Identifier(source.dataset.name)), (changed["id"].sort().to_list(),)
        )


def _leave_traces(tx: Connection, claim: Claim, raw_id: int, look: Look) -> None:
    """Note what this page offered of what stood there, and the later pages whose rows it may overwrite."""
    if traces.are_wanted(tx, claim, raw_id):
        there = pl.concat([look.changed, look.unchanged]).filter(pl.col("page") < raw_id)
        traces.leave(tx, claim, raw_id, there["id"].to_list(), there["page"].to_list())
    later = look.changed.filter(pl.col("page") > raw_id).group_by("page").agg("id")
    for page, ids in later.iter_rows():
        traces.leave(tx, claim, page, ids, [page] * len(ids))
