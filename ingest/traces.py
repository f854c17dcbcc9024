"""What pullers of one run leave for each other, so that the order of commits does not matter.

An item gives way to a later page. But a row that a page offers and does not write, because it stands there
already, shows nothing of that page: should an earlier part, committed afterwards, bring another version,
nobody could tell that it comes too late. So such a page leaves a trace while earlier parts are pulled, and
when all are done, what an earlier part has written over is offered once more.
"""

from dataclasses import replace

import polars as pl
import structlog
from psycopg2 import sql
from sqlalchemy import Connection, Engine, delete, exists, insert, select

from ingest import items
from ingest.claims import Claim, guard
from ingest.copy_in import own_cursor
from ingest.declared import Source
from ingest.decode import decode
from ingest.kept import kept_page
from ingest.landed import Landed
from ingest.lease import Lease
from ingest.normalize import normalize
from ingest.replay import UNREADABLE
from models import Part, Trace

log = structlog.get_logger()


def are_wanted(tx: Connection, claim: Claim, raw_id: int) -> bool:
    """Whether what comes before this page in the plan may be written after it: by its part, by a trace."""
    assert claim.part is not None, "only parts have an order of their own"
    before = (Part.run_id == claim.run_id, Part.number < claim.part.number)
    pulled = exists().where(*before, Part.state.in_(("new", "running")))
    of_run = (Trace.source == claim.source, Trace.run_id == claim.run_id)
    traced = exists().where(*of_run, Trace.raw_id < raw_id, Trace.items != [])
    return bool(tx.scalar(select(pulled | traced)))


def leave(tx: Connection, claim: Claim, raw_id: int, items: list[int], pages: list[int]) -> None:
    """Note the items that a page offered, and the pages that they were of when it did."""
    if items:
        offered = {"raw_id": raw_id, "items": items, "pages": pages}
        tx.execute(insert(Trace).values(source=claim.source, run_id=claim.run_id, **offered))


def settle_earlier(db: Engine, source: Source, claim: Claim, lease: Lease) -> None:
    """Settle the runs before this one that nobody could end. What this one has left is still needed."""
    of_others = (Trace.source == source.name, Trace.run_id != claim.run_id)
    with db.connect() as connection:
        run_ids = list(connection.scalars(select(Trace.run_id).where(*of_others).distinct()))
    for run_id in sorted(run_ids):
        settle(db, source, claim, lease, run_id)


def settle(db: Engine, source: Source, claim: Claim, lease: Lease, run_id: int) -> None:
    """Bring items and rejects to what they would be, had the run's parts been pulled in their order.

    For when no part is pulled any more. To do it twice, or by two at once, changes nothing.
    """
    with db.connect() as connection:
        overtaken = _overtaken(connection, source, run_id)
    for raw_id, keys in overtaken:
        lease.check()
        _offer_again(db, source, claim, run_id, raw_id, keys)
    with db.begin() as tx:
        guard(tx, claim)
        _settle_rejects(tx, source, run_id)
        tx.execute(delete(Trace).where(Trace.source == source.name, Trace.run_id == run_id))


# An item that is of the page that it was of when a later one offered it is as that one offered it. Of any
# other all later offers are taken again, in their order.
_OVERTAKEN = """
    WITH offers AS (
      SELECT trace.raw_id, item.key, item.raw_id <> offered.page AS written_since
        FROM traces AS trace CROSS JOIN LATERAL unnest(trace.items, trace.pages) AS offered (id, page)
        JOIN {table} AS item ON item.id = offered.id
       WHERE trace.source = %(source)s AND trace.run_id = %(run_id)s
         AND item.source = %(source)s AND item.run_id = %(run_id)s AND item.raw_id < trace.raw_id)
    SELECT raw_id, array_agg(key) FROM offers
     WHERE key IN (SELECT key FROM offers WHERE written_since)
     GROUP BY raw_id ORDER BY raw_id
"""


def _overtaken(connection: Connection, source: Source, run_id: int) -> list[tuple[int, list[str]]]:
    """Pages that offered what an earlier page has written since, with the keys, in their order."""
    query = sql.SQL(_OVERTAKEN).format(table=sql.Identifier(source.dataset.name))
    with own_cursor(connection) as cursor:
        cursor.execute(query, {"source": source.name, "run_id": run_id})
        found: list[tuple[int, list[str]]] = cursor.fetchall()
    return found


def _offer_again(db: Engine, source: Source, claim: Claim, run_id: int, raw_id: int, keys: list[str]) -> None:
    """Load these records of the page again: the later one of equal versions is the one that counts.

    In the name of the page's own run, under this claim: so a settling that was interrupted is finished.
    """
    with db.connect() as connection:
        kept = kept_page(connection, source.name, raw_id)
    assert kept is not None, "a page is kept while it has a trace"
    try:
        good, _ = normalize(decode(kept.page, source), source)
    except UNREADABLE as error:
        log.warning("raw page unread", raw_id=raw_id, error=f"{type(error).__name__}: {error}")
        return
    with db.begin() as tx:
        guard(tx, claim)
        own = replace(claim, run_id=run_id)
        counts, _ = items.write(tx, source, own, Landed([raw_id]), good.filter(pl.col("key").is_in(keys)))
    log.info("page offered again", raw_id=raw_id, updated=counts["updated"])


# In steps, each over what is few, for the planner takes what is unnested for a handful of rows.
_SETTLE_REJECTS = (
    """
    CREATE TEMP TABLE still_open ON COMMIT DROP AS
      SELECT id, raw_id, key, coalesce('key ' || key, 'record ' || md5(record)) AS same FROM rejects
       WHERE source = %(source)s AND run_id = %(run_id)s AND state = 'open';
    ANALYZE still_open
    """,
    """
    CREATE TEMP TABLE offered ON COMMIT DROP AS
      SELECT item.* FROM (SELECT DISTINCT key FROM still_open WHERE key IS NOT NULL) AS wanted
       CROSS JOIN LATERAL (SELECT id, key, raw_id FROM {table}
                            WHERE source = %(source)s AND key = wanted.key LIMIT 1) AS item;
    ANALYZE offered
    """,
    """
    SET LOCAL enable_nestloop = off;
    CREATE TEMP TABLE arrived ON COMMIT DROP AS
      SELECT same, max(raw_id) AS raw_id FROM (
        SELECT 'key ' || key AS same, raw_id FROM offered
         UNION ALL
        SELECT 'key ' || offered.key, trace.raw_id
          FROM traces AS trace CROSS JOIN LATERAL unnest(trace.items) AS u (id)
          JOIN offered ON offered.id = u.id
         WHERE trace.source = %(source)s AND trace.run_id = %(run_id)s
         UNION ALL
        SELECT same, raw_id FROM still_open) AS each_one GROUP BY same;
    CREATE TEMP TABLE settled ON COMMIT DROP AS
      SELECT still_open.id FROM still_open JOIN arrived USING (same)
       WHERE arrived.raw_id > still_open.raw_id;
    SET LOCAL enable_nestloop = on
    """,
    """
    UPDATE rejects SET state = 'resolved', updated_at = now()
     WHERE state = 'open' AND id IN (SELECT id FROM settled)
    """,
)


def _settle_rejects(tx: Connection, source: Source, run_id: int) -> None:
    """Settle the rejects of the run whose key came again on a later page, whichever was committed first."""
    mine = {"source": source.name, "run_id": run_id}
    with own_cursor(tx) as cursor:
        for step in _SETTLE_REJECTS:
            cursor.execute(sql.SQL(step).format(table=sql.Identifier(source.dataset.name)), mine)
        cursor.execute("DROP TABLE still_open, offered, arrived, settled")
