"""The open rejects of a source, as what a record that arrives may settle: by key, and without one by text."""

import hashlib
from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection, text

from ingest.declared import Source

# How many are remembered from page to page.
MOST_KEPT = 100_000

_OPEN = text("""
    SELECT key, CASE WHEN key IS NULL THEN md5(record) END AS record FROM rejects
     WHERE source = :source AND state = 'open' LIMIT :most
""")


class OpenRejects:
    """What is open, unless there are more than `most`: then all that arrives may be of one of them.

    Mostly they are few, and to read them is cheaper than to send PostgreSQL all keys of a page. Who alone
    writes the source's rejects may keep this from page to page: others only dismiss.
    """

    def __init__(self, tx: Connection, source: Source, *, most: int) -> None:
        found = tx.execute(_OPEN, {"source": source.name, "most": most + 1}).all()
        self._many = len(found) > most
        self._keys = pl.Series([] if self._many else [row.key for row in found], dtype=pl.String).drop_nulls()
        self._records = set() if self._many else {row.record for row in found if row.key is None}

    def met(self, keys: pl.Series, records: Sequence[str]) -> tuple[list[str], list[str]]:
        """Those keys, and fingerprints of records without one, that may be of one of them."""
        if self._many:
            return keys.to_list(), list(records)
        known = keys.filter(keys.is_in(self._keys.implode()))
        return known.to_list(), [record for record in records if record in self._records]

    def add(self, keys: pl.Series, records: Sequence[str]) -> None:
        """Remember what was written just now."""
        if not self._many:
            self._keys.extend(keys)
            self._records.update(records)
            self._many = len(self._keys) + len(self._records) > MOST_KEPT


def fingerprint(record: str) -> str:
    """What PostgreSQL's md5() gives, to know a record without a key again."""
    return hashlib.md5(record.encode(), usedforsecurity=False).hexdigest()
