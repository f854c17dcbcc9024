"""What is done at intervals: due slots requested, poisoned runs ended, old raw pages pruned."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Engine, Select, TextClause, exists, func, select, text

from ingest import runs
from ingest.declared import Source
from ingest.registry import register
from ingest.runs import Requested
from ingest.schedule import slot_at
from models import PULLS, Run
from models import Source as SourceRow

BATCH = 1000


def now(db: Engine) -> datetime:
    """The time by the database's clock, so that all who ask for slots ask for the same."""
    with db.connect() as connection:
        return connection.execute(select(func.now())).scalar_one()


def request_due(db: Engine, sources: Iterable[Source], now: datetime) -> list[Requested]:
    """Request the current slot of each enabled source, unless it has had its run; return the new runs.

    A slot that passed while a run was open, or while everything was down, is thereby caught up once.
    """
    sources, made = list(sources), []
    with db.begin() as tx:
        register(tx, sources)
    for source in sources:
        slot = slot_at(source, now)
        if slot is not None and (requested := _request_slot(db, source.name, slot)):
            made.append(requested)
    return made


def _request_slot(db: Engine, source: str, slot: datetime) -> Requested | None:
    with db.begin() as tx:
        enabled = tx.scalar(select(SourceRow.enabled).where(SourceRow.name == source))
        if not enabled or tx.scalar(_satisfied(source, slot)):
            return None
        requested = runs.request(tx, source, trigger="schedule", slot=slot, requested_by="schedule")
    return requested if requested.created else None


def _satisfied(source: str, slot: datetime) -> Select[tuple[bool]]:
    """Whether the slot has had its run, or a later one has brought what it would bring.

    Only a glance that saves an insert: the unique index on source and slot decides.
    """
    fresher = (Run.state == "succeeded") & (Run.started_at >= slot) & Run.mode.in_(PULLS)
    return select(exists().where(Run.source == source, (Run.slot == slot) | fresher))


def end_abandoned_sessions(db: Engine) -> list[int]:
    """Let go what frozen workers hold, so that their runs can be taken over; the ids of the runs."""
    with db.begin() as tx:
        return runs.end_abandoned_sessions(tx)


def fail_poisoned(db: Engine, *, max_attempts: int) -> list[int]:
    """End runs that killed their workers too often; return their ids."""
    with db.begin() as tx:
        return runs.fail_poisoned(tx, max_attempts=max_attempts)


_PRUNE_RAW = text("""
    DELETE FROM raw_data WHERE source = :source AND id IN (
      SELECT id FROM raw_data AS page WHERE source = :source AND fetched_at < now() - :keep
         AND NOT EXISTS (SELECT FROM rejects
                          WHERE source = :source AND raw_id = page.id AND state = 'open')
         AND NOT EXISTS (SELECT FROM traces WHERE source = :source AND raw_id = page.id) LIMIT :batch)
""")
_PRUNE_PARTS = text("""
    DELETE FROM parts WHERE (run_id, number) IN (
      SELECT run_id, number FROM parts JOIN runs ON runs.id = run_id
       WHERE parts.source = :source AND finished_at < now() - :keep LIMIT :batch)
""")
_PRUNE_REJECTS = text("""
    DELETE FROM rejects WHERE id IN (
      SELECT id FROM rejects
       WHERE source = :source AND state <> 'open' AND updated_at < now() - :keep LIMIT :batch)
""")


def prune(db: Engine, source: Source) -> dict[str, int]:
    """Delete raw pages, settled rejects and parts older than `keep_raw`, batch by batch; return the counts.

    A page with an open reject stays until the reject is resolved or dismissed: without it nobody could
    judge the record again. So does one that a run may still have to offer again (`ingest.traces`).
    """
    return {
        "raw_pages": _in_batches(db, _PRUNE_RAW, source),
        "rejects": _in_batches(db, _PRUNE_REJECTS, source),
        "parts": _in_batches(db, _PRUNE_PARTS, source),
    }


def _in_batches(db: Engine, statement: TextClause, source: Source) -> int:
    total, gone = 0, BATCH
    while gone == BATCH:
        with db.begin() as tx:
            gone = tx.execute(
                statement, {"source": source.name, "keep": source.keep_raw, "batch": BATCH}
            ).rowcount
        total += gone
    return total
