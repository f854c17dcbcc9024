"""The open rejects of a source, as what a record that arrives may settle: by key, and without one by text."""

import hashlib

import polars as pl
from sqlalchemy import Connection, text

from ingest.declared import Source

# How many are remembered from page to page.
MOST_KEPT = 100_000

_OPEN = text("""
    SELECT key, CASE WHEN key IS NULL THEN md5(record) END AS record FROM rejects
     WHERE source = :source AND state = 'open' LIMIT :most
""")
# A record by its key, or by its fingerprint where it has none.
ARRIVED = {"key": pl.String, "record": pl.String}


class OpenRejects:
    """What is open, unless there are more than `most`: then all that arrives may be of one of them.

    Mostly they are few, and to read them is cheaper than to send PostgreSQL all keys of a page. Who alone
    writes the source's rejects may keep this from page to page: others only dismiss.
    """

    def __init__(self, tx: Connection, source: Source, *, most: int) -> None:
        found = tx.execute(_OPEN, {"source": source.name, "most": most + 1}).all()
        self._many = len(found) > most
        self._found = pl.DataFrame([] if self._many else found, schema=ARRIVED, orient="row")

    def met(self, arrived: pl.DataFrame) -> pl.DataFrame:
        """Those of what arrived (columns of `ARRIVED`) that may be of one of them."""
        if self._many:
            return arrived
        if self._found.is_empty():
            return arrived.clear()
        by_key = arrived.join(self._found, on="key", how="semi")
        return pl.concat([by_key, arrived.join(self._found, on="record", how="semi")])

    def add(self, written: pl.DataFrame) -> None:
        """Remember what was written just now, in columns of `ARRIVED`."""
        if not self._many:
            self._found.extend(written)
            self._many = len(self._found) > MOST_KEPT


def fingerprint(record: str) -> str:
    """What PostgreSQL's md5() gives, to know a record without a key again."""
    return hashlib.md5(record.encode(), usedforsecurity=False).hexdigest()
