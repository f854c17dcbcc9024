"""What the one writer of a source knows of its rows without asking PostgreSQL for every key.

To look a key up costs PostgreSQL some 3 µs, a million of them as much as to write the rows. But while a run
holds the fence nobody else writes the source's rows, so what was seen once stays so:

- A source without rows: a key that the run meets for the first time is new.
- A source with rows: when as many keys are to be looked up as are worth it, the hashes of its rows are read.
  A record whose hash is among them stands as it is, unless the run has met its key before; all others are
  looked up. How many keys there will be nobody knows: probably as many as before (`runs.brought_before`).
  Where those were less, hashes are read once as many keys as are worth it were looked up.

Memory is bounded: 16 MB tell which keys were met, hashes (16 bytes) are read of MOST_ROWS rows and a few, and
of the open rejects no more than MOST_KEPT are remembered.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from psycopg2 import sql
from sqlalchemy import Connection, text

from ingest import runs
from ingest.claims import Claim
from ingest.copy_in import own_cursor
from ingest.declared import Source
from ingest.open_rejects import OpenRejects

BITS = 2**27
MOST_ROWS = 1_500_000
# So many open rejects are read at the beginning of a run, which takes some 15 ms.
MOST_REJECTS = 10_000
# To read a block with its hashes, of this source or of others, takes some 8 µs, and to look a key up about 4
# (measured): so many keys are well worth a block.
WORTH_A_BLOCK = 4
ALONE = "alone"

# Whatever the planner believes: in a table of many sources it might read the rows of all the others.
BY_INDEX = text("SET LOCAL enable_seqscan = off")
_ANY = "SELECT EXISTS (SELECT FROM {table} WHERE source = %s)"
_BLOCKS = "SELECT pg_relation_size(quote_ident(%s)::regclass) / current_setting('block_size')::int"
# OFFSET 0 keeps the planner from looking the source up first: it would read the whole table for each stretch.
_HASHES = """
    SELECT coalesce(string_agg(uuid_send(content_hash), ''), '')
      FROM (SELECT source, content_hash FROM {table}
             WHERE ctid >= %s::tid AND ctid < %s::tid OFFSET 0) AS stretch
     WHERE source = %s
"""
# Blocks of a table that are read at once.
STRETCH = 4096
HASH = 16


class Met:
    """The keys that a run has met, by their hashes: one bit each, so that a few more seem to be met."""

    @cached_property
    def _bits(self) -> NDArray[np.uint8]:
        """Made with the first key, for a run that comes to none needs no memory."""
        return np.zeros(BITS // 8, np.uint8)

    def meet(self, good: pl.DataFrame) -> pl.DataFrame:
        """Add the column ALONE: true where the key certainly comes now for the first and only time.

        To be told of every page once, in order.
        """
        keys = good["key"]
        alone = pl.Series(ALONE, self._new(keys.hash().to_numpy()))
        if keys.n_unique() < len(keys):
            alone &= ~keys.is_duplicated()
        return good.hstack([alone])

    def _new(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        places = hashes % BITS
        byte, bit = places >> 3, np.left_shift(np.uint8(1), (places & 7).astype(np.uint8))
        new: NDArray[np.bool_] = (self._bits[byte] & bit) == 0
        np.bitwise_or.at(self._bits, byte, bit)
        return new


class Known:
    """What stands, for one run of a source. Of no use where several write to the source at once."""

    def __init__(self, tx: Connection, source: Source, claim: Claim) -> None:
        self._source = source
        self.open_rejects = OpenRejects(tx, source, most=MOST_REJECTS)
        self._began_empty = not _asked(tx, source, _ANY, source.name)
        self._blocks = _blocks(tx, source)
        self._expected = runs.brought_before(tx, source.name, claim.run_id, mode=claim.mode)
        self._looked_up = 0
        self._hashes: _Hashes | None = None

    def certainly_new(self, good: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Part the rows that are new whatever the pages before this one bring from all others."""
        if not self._began_empty:
            return good.clear(), good
        return _parted(good, good[ALONE])

    def unchanged(self, tx: Connection, rows: pl.DataFrame) -> tuple[int, pl.DataFrame]:
        """How many rows certainly stand as they are, and the others. The pages before are committed."""
        self._consider(tx, len(rows))
        if self._hashes is None:
            return 0, rows
        equal = self._hashes.hold(rows) & rows[ALONE]
        return int(equal.sum()), rows.filter(~equal)

    def _consider(self, tx: Connection, many: int) -> None:
        """Read the hashes once that is the cheaper way."""
        if self._began_empty or self._hashes is not None:
            return
        self._looked_up += many
        if max(self._expected, self._looked_up) >= WORTH_A_BLOCK * self._blocks:
            self._hashes = _Hashes(_hashes(tx, self._source, self._blocks))


def _parted(rows: pl.DataFrame, where: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    if where.all():
        return rows, rows.clear()
    return rows.filter(where), rows.filter(~where)


def _asked(tx: Connection, source: Source, query: str, *values: object) -> Any:
    table = sql.Identifier(source.dataset.name)
    tx.execute(BY_INDEX)
    with own_cursor(tx) as cursor:
        cursor.execute(sql.SQL(query).format(table=table), values)
        return cursor.fetchone()[0]


def _blocks(tx: Connection, source: Source) -> int:
    with own_cursor(tx) as cursor:
        cursor.execute(_BLOCKS, (source.dataset.name,))
        blocks: int = cursor.fetchone()[0]
    return blocks


def _hashes(tx: Connection, source: Source, blocks: int) -> Iterator[bytes]:
    """The hashes of the rows, from one stretch of the table after the other, until there are enough."""
    found = 0
    for start in range(0, blocks, STRETCH):
        ends = f"({start},0)", f"({start + STRETCH},0)"
        stretch = bytes(_asked(tx, source, _HASHES, *ends, source.name))
        yield stretch
        found += len(stretch) // HASH
        if found >= MOST_ROWS:
            return


class _Hashes:
    """Hashes of 128 bits, sorted, as two numbers each; PostgreSQL sends the high byte first."""

    def __init__(self, hashes: Iterable[bytes]) -> None:
        parts = [np.frombuffer(part, ">u8").astype(np.uint64) for part in hashes]
        both = np.concatenate(parts).reshape(-1, 2)
        del parts
        order = np.argsort(both[:, 0])
        self._high, self._low = both[order, 0], both[order, 1]

    def hold(self, rows: pl.DataFrame) -> pl.Series:
        """Whether each row's hash is among them. Of two that share their high half one is not found."""
        high, low = rows["high"].to_numpy(), rows["low"].to_numpy()
        # In order of what is looked for each look begins where the last one ended: 8 times as fast.
        order = np.argsort(high)
        place = np.empty(len(high), np.intp)
        place[order] = np.searchsorted(self._high, high[order]).clip(max=len(self._high) - 1)
        return pl.Series((self._high[place] == high) & (self._low[place] == low))
