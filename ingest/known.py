"""What the one writer of a source knows of its rows without asking PostgreSQL for every key.

To look a key up costs PostgreSQL some 3 µs, a million of them as much as to write the rows. But while a run
holds the fence nobody else writes the source's rows, so what was seen once stays so:

- A source without rows: a key that this run has not written is new. Keys are remembered in a table of bytes
  at their hashes; what seems to be there is looked up, so that a collision costs a look and nothing else.
- A source with rows: once as many keys were looked up as are worth it, the hashes of all rows are read. A row
  whose hash is among them stands as it is, unless this run has written its key since.

Memory is bounded: the table has 64 MB, and hashes (16 bytes a row) are read of MOST_ROWS rows at most.
"""

import mmap
from array import array

import polars as pl
from psycopg2 import sql
from sqlalchemy import Connection

from ingest.copy_in import own_cursor
from ingest.declared import Source

SLOTS = 2**26
MOST_ROWS = 4_000_000
# Reading a hash in bulk costs about a tenth of looking a key up.
WORTH = 10

_STANDING = "SELECT count(*) FROM (SELECT FROM {table} WHERE source = %s LIMIT %s) AS found"
_HASHES = "SELECT string_agg(uuid_send(content_hash), '') FROM {table} WHERE source = %s"


class Known:
    """Begins with nothing, and learns from the pages of one run. Of no use where several write at once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._looked_up = self._next_look = 0
        self._began_empty = False
        self._written = _Keys()
        self._hashes: _Hashes | None = None

    def part(self, tx: Connection, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
        """Part rows into those that are certainly new, those to be looked up, and how many are unchanged."""
        self._consider(tx, len(rows))
        maybe_written = self._written.maybe(rows["key"])
        if self._began_empty:
            return rows.filter(~maybe_written), rows.filter(maybe_written), 0
        if self._hashes is None:
            return rows.clear(), rows, 0
        unchanged = self._hashes.hold(rows["hash"]) & ~maybe_written
        unknown = rows.filter(~unchanged)
        return rows.clear(), unknown, len(rows) - len(unknown)

    def writing(self, rows: pl.DataFrame) -> None:
        """Remember that the run writes these rows, whether or not they will be committed."""
        self._written.add(rows["key"])

    def _consider(self, tx: Connection, many: int) -> None:
        """Read the hashes once that has become the cheaper way; now and then count what there is."""
        if self._began_empty or self._hashes is not None:
            return
        if self._looked_up >= self._next_look:
            worth = min(WORTH * (self._looked_up + many), MOST_ROWS)
            standing = self._count(tx, worth + 1)
            self._began_empty = standing == 0 and self._looked_up == 0
            if 0 < standing <= worth:
                self._hashes = _Hashes(self._read(tx))
            self._next_look = 2 * (self._looked_up + many)
        self._looked_up += many

    def _count(self, tx: Connection, most: int) -> int:
        return int(self._ask(tx, _STANDING, (self._source.name, most)))

    def _read(self, tx: Connection) -> bytes:
        return bytes(self._ask(tx, _HASHES, (self._source.name,)))

    def _ask(self, tx: Connection, query: str, values: tuple[object, ...]) -> "int | memoryview":
        table = sql.Identifier(self._source.dataset.name)
        with own_cursor(tx) as cursor:
            cursor.execute(sql.SQL(query).format(table=table), values)
            found: int | memoryview = cursor.fetchone()[0]
        return found


class _Keys:
    """Keys by their hashes: those that were added are there, and a few more seem to be."""

    def __init__(self) -> None:
        # Memory of the system's own, which is not there until it is written to.
        self._slots = mmap.mmap(-1, SLOTS)

    def add(self, keys: pl.Series) -> None:
        """Remember the keys."""
        slots = self._slots
        for slot in _slots(keys):
            slots[slot] = 1

    def maybe(self, keys: pl.Series) -> pl.Series:
        """Whether each key may have been added; false is certain."""
        slots = self._slots
        return pl.Series([slots[slot] for slot in _slots(keys)], dtype=pl.UInt8) == 1


def _slots(keys: pl.Series) -> list[int]:
    slots: list[int] = (keys.hash() % SLOTS).to_list()
    return slots


class _Hashes:
    """Hashes of 128 bits in two sorted columns."""

    def __init__(self, hashes: bytes) -> None:
        halves = array("Q", hashes)
        halves.byteswap()  # PostgreSQL sends the high byte first
        both = pl.Series(halves, dtype=pl.UInt64)
        columns = {"high": both.gather_every(2), "low": both.gather_every(2, 1)}
        self._all = pl.DataFrame(columns).sort("high")

    def hold(self, hashes: pl.Series) -> pl.Series:
        """Whether each hash, 32 hex digits, is among them."""
        high, low = (_number(hashes, offset) for offset in (0, 16))
        found = self._all[self._all["high"].search_sorted(high).clip(upper_bound=len(self._all) - 1)]
        return (found["high"] == high) & (found["low"] == low)


def _number(hashes: pl.Series, offset: int) -> pl.Series:
    return hashes.str.slice(offset, 16).str.to_integer(base=16, dtype=pl.UInt64)
