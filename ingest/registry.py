"""Making declared sources known to the database: a row, a switch and a partition for raw pages each.

A new source of a known dataset needs no migration: whoever asks for a run registers it first.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from ingest.declared import Source
from models import Source as SourceRow

_PARTITIONS = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'raw_data'::regclass")
# The name has passed the catalogue's check: lower-case letters, digits and underscores.
_PARTITION = "CREATE TABLE IF NOT EXISTS raw_{name} PARTITION OF raw_data FOR VALUES IN ('{name}')"


# Two that make the same partition at once would both fail; any number serves, if all use it.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4711003)")


def register(tx: Connection, sources: Iterable[Source]) -> list[str]:
    """Register what is new or has changed; return the names of new sources. Two looks where nothing is."""
    known = {row.name: row.digest for row in tx.execute(select(SourceRow.name, SourceRow.digest))}
    partitions = set(tx.scalars(_PARTITIONS))
    stale = [s for s in sources if known.get(s.name) != s.digest or f"raw_{s.name}" not in partitions]
    if stale:
        tx.execute(_ONE_AT_A_TIME)
    for source in stale:
        tx.execute(text(_PARTITION.format(name=source.name)))
        row = insert(SourceRow).values(name=source.name, digest=source.digest)
        renewed = {"digest": source.digest, "updated_at": func.now()}
        tx.execute(row.on_conflict_do_update(index_elements=["name"], set_=renewed))
    return sorted(source.name for source in stale if source.name not in known)


def switch(tx: Connection, source: str, *, enabled: bool) -> bool:
    """Let the source be scheduled or not; False when the database does not know it."""
    changed = update(SourceRow).where(SourceRow.name == source)
    switched = changed.values(enabled=enabled, updated_at=func.now()).returning(SourceRow.name)
    return tx.execute(switched).one_or_none() is not None
