"""What must hold when everything is quiet, read from the tables with nothing of the engine's code.

Each check gives the violations that it finds as sentences; the numbers (I1, I3, …) are the invariants of
docs/delivery.md.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import zstandard
from redis import Redis
from sqlalchemy import Connection, Engine, text

from tests.kit import witness
from tests.kit.oracle import COLUMNS, Offer, Shelf, Shop

PULLED = "mode IN ('incremental', 'full')"
OUTCOMES = ("inserted", "updated", "unchanged", "rejected", "superseded")


def violations(db: Engine, shop: Shop, shelves: Iterable[Shelf] | None = None) -> list[str]:
    """All that is wrong with the shelves' sources; the last run of each must have been undisturbed."""
    chosen = list(shop.shelves.values()) if shelves is None else list(shelves)
    found = witness.seen(db)
    with db.connect() as connection:
        for shelf in chosen:
            for check in CHECKS:
                found += [
                    f"{check.__name__}: {shelf.name}: {what}" for what in check(connection, shop, shelf)
                ]
    return found


def items_equal_oracle(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I1, I2, I6: each good record that is offered stands there once as it is, and nothing else does."""
    standing = _items(connection, shelf)
    if len(standing) != len({row.key for row in standing}):
        yield "a key stands there twice"
    for row in standing:
        values = (row.name, row.price, row.version, row.changed_at)
        if values not in {offer.values for offer in shelf.offered[row.key] if offer.good}:
            yield f"{row.key} has values that were never offered: {values}"
    there = {row.key: (row.name, row.price, row.version, row.changed_at) for row in standing}
    for offer in shelf.listed():
        if offer.good and there.get(offer.key) != offer.values:
            yield f"{offer.key} should be {offer.values}, is {there.get(offer.key)}"


def rejects_equal_oracle(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I3, I4: every bad record is an open reject once, with its own text; no good one is."""
    rows = _rows(
        connection, "SELECT key, record FROM rejects WHERE source = :source AND state = 'open'", shelf
    )
    keys = [row.key for row in rows]
    if sorted(keys) != sorted(offer.key for offer in shelf.listed() if not offer.good):
        yield f"open rejects are {sorted(keys)}"
    yield from (f"reject {row.key} lacks its record" for row in rows if row.key not in row.record)


def counters_add_up(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I3: what a run fetched is what its raw pages hold, and each record has one outcome."""
    sums = ", ".join(f"r.{name}" for name in ("id", "fetched", "pages", *OUTCOMES))
    query = f"""
        SELECT {sums}, count(d.id) AS landed, coalesce(sum(d.records), 0) AS records,
               count(DISTINCT (coalesce(p.number, 0), d.sequence)) FILTER (WHERE d.id IS NOT NULL)
                 AS sequences,
               coalesce(sum(p.pages) FILTER (WHERE d.sequence = 0), r.pages) AS counted,
               max(d.sequence) FILTER (WHERE p.number IS NULL) AS last
          FROM runs r LEFT JOIN raw_data d ON d.run_id = r.id AND d.source = r.source
          LEFT JOIN parts p ON p.run_id = r.id AND p.name = d.part
         WHERE r.source = :source AND r.{PULLED} GROUP BY r.id
    """
    for run in _rows(connection, query, shelf):
        if run.fetched != sum(getattr(run, name) for name in OUTCOMES) or run.fetched != run.records:
            yield f"run {run.id} fetched {run.fetched}, its raw pages hold {run.records}"
        if not run.pages == run.landed == run.sequences == run.counted or (
            run.last is not None and run.last != run.pages - 1
        ):
            yield f"run {run.id} counted {run.pages} pages and landed {run.landed}, the last is {run.last}"
    changed = _one(
        connection, f"SELECT coalesce(sum(inserted), 0) FROM runs WHERE source = :source AND {PULLED}", shelf
    )
    if changed != (there := len(_items(connection, shelf))):
        yield f"{changed} rows were inserted, {there} stand there"


def raw_pages_are_whole(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I5: bytes hash to their sum, are those that were served, and hold as many records as counted."""
    query = "SELECT id, body, sha256, size, records, media_type FROM raw_data WHERE source = :source"
    for page in _rows(connection, query, shelf):
        body = zstandard.ZstdDecompressor().decompress(page.body, max_output_size=max(page.size, 1))
        if hashlib.sha256(body).digest() != bytes(page.sha256) or len(body) != page.size:
            yield f"page {page.id} does not hash to its sum"
        if page.media_type == "application/json" and bytes(page.sha256) not in shop.served:
            yield f"page {page.id} was never served"
        if page.records != len(_records(page.media_type, body)):
            yield f"page {page.id} holds other records than counted"


def items_have_provenance(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I2, I6: the record at `raw_index` of the page `raw_id` is the one that the item shows."""
    query = """
        SELECT i.key, i.version, i.raw_index, d.body, d.size, d.media_type
          FROM things i LEFT JOIN raw_data d ON d.source = i.source AND d.id = i.raw_id
         WHERE i.source = :source
    """
    for row in _rows(connection, query, shelf):
        if row.body is None:
            yield f"{row.key} has no raw page"
            continue
        body = zstandard.ZstdDecompressor().decompress(row.body, max_output_size=max(row.size, 1))
        record = _records(row.media_type, body)[row.raw_index]
        if (record["id"], int(record["version"])) != (row.key, row.version):
            yield f"{row.key} is not the record that it names: {record}"


def parts_ended(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I10, I11: of a run that has succeeded each part is done, once, and its pages have their own ids."""
    query = """
        SELECT r.id, r.parts, r.parts_done, count(p.number) AS planned,
               bool_and(p.state = 'done') AS all_done, bool_and(d.outside IS NULL) AS inside
          FROM runs r JOIN parts p ON p.run_id = r.id
          LEFT JOIN LATERAL (
            SELECT true AS outside FROM raw_data WHERE run_id = r.id AND source = r.source AND part = p.name
               AND id NOT BETWEEN p.raw_base AND p.raw_base + p.pages - 1 LIMIT 1) AS d ON true
         WHERE r.source = :source AND r.state = 'succeeded' GROUP BY r.id
    """
    for run in _rows(connection, query, shelf):
        if not (run.all_done and run.inside and run.parts == run.parts_done == run.planned):
            yield f"run {run.id}: {run.parts_done} of {run.parts} parts are done"
    if traces := _rows(connection, "SELECT run_id FROM traces WHERE source = :source", shelf):
        yield f"{len(traces)} traces are not settled"


def runs_ended(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I10, I12: nothing is open, what ended has an end and no lease."""
    query = "SELECT id, state, finished_at, lease_until FROM runs WHERE source = :source"
    for run in _rows(connection, query, shelf):
        if run.state in ("queued", "running"):
            yield f"run {run.id} is still {run.state}"
        elif run.finished_at is None or run.lease_until is not None:
            yield f"run {run.id} has ended {run.state} with an open end or a lease"


def checkpoint_is_covered(connection: Connection, shop: Shop, shelf: Shelf) -> Iterator[str]:
    """I8, I9: the run that landed the newest page wrote the checkpoint, under a fence that the source had."""
    query = """
        SELECT c.fence, c.run_id, s.fence AS newest,
               (SELECT max(run_id) FROM raw_data d WHERE d.source = c.source AND d.part = c.part) AS landed_by
          FROM checkpoints c JOIN sources s ON s.name = c.source WHERE c.source = :source
    """
    for row in _rows(connection, query, shelf):
        if row.run_id != row.landed_by or row.fence > row.newest:
            yield f"the checkpoint is of run {row.run_id}, the newest page of run {row.landed_by}"


CHECKS: tuple[Callable[[Connection, Shop, Shelf], Iterator[str]], ...] = (
    items_equal_oracle,
    rejects_equal_oracle,
    counters_add_up,
    raw_pages_are_whole,
    items_have_provenance,
    runs_ended,
    parts_ended,
    checkpoint_is_covered,
)


def at_rest(db: Engine, broker: "Redis", *, lease: float) -> list[str]:
    """I13, I14: no lock beyond its time, no message unacknowledged, no transaction idle, nothing prepared."""
    found = []
    for key in broker.keys("kasparro:lock:*"):
        left = broker.pttl(key)
        if not 0 < left <= lease * 1000:
            found.append(f"at_rest: {key.decode()} lives for {left} ms")
    with db.connect() as connection:
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"
        old = " AND now() - state_change > interval '10 seconds'"
        if stuck := connection.exec_driver_sql(idle + old).scalar():
            found.append(f"at_rest: {stuck} transactions are idle")
        if prepared := connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_xacts").scalar():
            found.append(f"at_rest: {prepared} prepared transactions")
    return found


def fingerprint(db: Engine, shelf: Shelf) -> Any:
    """What changes when any row of the source is written, even to the same values."""
    query = "SELECT count(*), sum(hashtextextended(key || xmin::text, 0)) FROM things WHERE source = :source"
    with db.connect() as connection:
        return tuple(connection.execute(text(query), {"source": shelf.name}).one())


def _items(connection: Connection, shelf: Shelf) -> list[Any]:
    return _rows(
        connection, "SELECT key, name, price, version, changed_at FROM things WHERE source = :source", shelf
    )


def _rows(connection: Connection, query: str, shelf: Shelf) -> list[Any]:
    return list(connection.execute(text(query), {"source": shelf.name}))


def _one(connection: Connection, query: str, shelf: Shelf) -> Any:
    return connection.scalar(text(query), {"source": shelf.name})


def _records(media_type: str, body: bytes) -> list[dict[str, Any]]:
    if media_type == "application/json":
        return json.loads(body)["records"]
    lines = csv.reader(io.StringIO(body.decode(), newline=""))
    rows = [dict(zip(COLUMNS, line, strict=True)) for line in lines]
    return [row for row in rows if row["id"] != "id"]


__all__ = ["Offer", "at_rest", "fingerprint", "violations"]
