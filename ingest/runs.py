"""The queue of record: runs are requested, cancelled, and published again when a message was lost.

The row is the queue of record: it is committed before any message is sent, so a broker that loses or
repeats messages costs time, not runs. The caller opens the transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Exists,
    Integer,
    case,
    cast,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from models import OPEN_STATES, Part, Run

# Runs that are looked back at. A source that is asked every minute has so many in a day.
NEWEST = 1_000


@dataclass(frozen=True)
class Requested:
    """The answer to a request: the new run, or the open one that stands in its way."""

    run_id: int
    source: str
    state: str
    created: bool


def request(
    tx: Connection,
    source: str,
    *,
    trigger: str,
    mode: str = "incremental",
    slot: datetime | None = None,
    requested_by: str | None = None,
    idempotency_key: str | None = None,
    request_hash: str | None = None,
    request_id: str | None = None,
) -> Requested:
    """Insert a queued run, unless the source has an open one or the slot has had its run."""
    details = {
        "mode": mode,
        "trigger": trigger,
        "slot": slot,
        "requested_by": requested_by,
        "request_id": request_id,
    }
    keys = {"idempotency_key": idempotency_key, "request_hash": request_hash}
    row = tx.execute(
        upsert(Run)
        .values(source=source, **details, **keys)
        .on_conflict_do_nothing()
        .returning(Run.id, Run.state)
    ).one_or_none()
    if row is not None:
        return Requested(row.id, source, row.state, created=True)
    return _standing(tx, source)


def _standing(tx: Connection, source: str) -> Requested:
    """The run in the way is the source's newest, also when it has ended since."""
    newest = select(Run.id, Run.state).where(Run.source == source).order_by(Run.id.desc()).limit(1)
    row = tx.execute(newest).one()
    return Requested(row.id, source, row.state, created=False)


def published(tx: Connection, run_id: int) -> None:
    """Note that a wake-up for the run reached the broker."""
    tx.execute(update(Run).where(Run.id == run_id).values(published_at=func.now()))


def told_too_early(tx: Connection, run_id: int) -> None:
    """Have a run that waits published again at the next look: the lock of its source was still held.

    By the source's last run, which is about to leave, or by a worker that is gone: a lock is renewed after
    the lease, and ends later.
    """
    waits = (Run.state == "queued") | abandoned()
    tx.execute(update(Run).where(Run.id == run_id, waits).values(published_at=None))


def abandoned() -> ColumnElement[bool]:
    """Whether a run's worker is gone: its lease is over."""
    return (Run.state == "running") & (Run.lease_until < func.now())


def source_of(tx: Connection, run_id: int) -> str | None:
    """The source of a run that may still want a worker, or None."""
    return tx.scalar(select(Run.source).where(Run.id == run_id, Run.state.in_(OPEN_STATES)))


def brought_before(tx: Connection, source: str, run_id: int, *, mode: str) -> int:
    """How many records a run in that mode has brought before: a full one at most, another one twice in a row.

    For a source begins with more than it goes on with. Of its newest runs, as far as they brought any; 0 when
    that is not known.
    """
    earlier = select(Run.id, Run.fetched).where(Run.source == source, Run.id < run_id)
    newest = earlier.order_by(Run.id.desc()).limit(NEWEST).subquery()
    if mode == "full":
        return tx.scalar(select(func.max(newest.c.fetched))) or 0
    brought = select(newest.c.fetched).where(newest.c.fetched > 0).order_by(newest.c.id.desc())
    last = tx.scalars(brought.limit(2)).all()
    return min(last) if len(last) == 2 else 0


def cancel(tx: Connection, run_id: int) -> str | None:
    """Cancel a queued run, or ask a running one to stop. Returns the state after; None: no such run."""
    tx.execute(
        update(Run)
        .where(Run.id == run_id, Run.state == "queued")
        .values(state="cancelled", cancel_requested=True, finished_at=func.now())
    )
    tx.execute(update(Run).where(Run.id == run_id, Run.state == "running").values(cancel_requested=True))
    return tx.scalar(select(Run.state).where(Run.id == run_id))


SESSION = "kasparro run "


def session_name(run_id: int, part: int | None = None) -> str:
    """What pg_stat_activity shows while a page of the run, or of a part of it, is being loaded."""
    return f"{SESSION}{run_id}" if part is None else f"{SESSION}{run_id} part {part}"


# pg_terminate_backend needs no privilege for sessions of one's own role, and fails for others: any session
# may bear such a name.
_END_ABANDONED = text("""
    WITH over (id, name) AS (
      SELECT id, :session || id FROM runs WHERE state = 'running' AND lease_until < now()
       UNION ALL
      SELECT run_id, :session || run_id || ' part ' || number
        FROM parts WHERE state = 'running' AND lease_until < now())
    SELECT over.id, pg_terminate_backend(a.pid, 2000)
      FROM over JOIN pg_stat_activity a ON a.application_name = over.name
     WHERE a.datname = current_database() AND a.usename = current_user
""")


def end_abandoned_sessions(tx: Connection) -> list[int]:
    """End the sessions in which a worker loads a page though its lease is over; the ids of their runs.

    A worker that froze in the middle of a page holds the rows of its run and source, and a COPY that waits
    for it may do so for minutes. The page is not to be: its fence is about to move on.
    """
    return [row.id for row in tx.execute(_END_ABANDONED, {"session": SESSION})]


def died_in_a_part() -> Exists:
    """Whether the run was left with a part in work: then that part counts the attempt, and not the run."""
    return exists().where(Part.run_id == Run.id, Part.state == "running")


def fail_poisoned(tx: Connection, *, max_attempts: int) -> list[int]:
    """End runs that were tried `max_attempts` times: what stops every worker must not go on for ever."""
    died = (
        f"The worker died {max_attempts} times while it executed this run (killed, or out of memory). "
        "Look at the workers' logs, then start it again: kasparro run SOURCE"
    )
    left_alone = abandoned()
    ended = {
        "state": "failed",
        "error_kind": case((left_alone, "worker_died"), else_="storage"),
        "error_message": case((left_alone, died), else_=Run.error_message),
        "finished_at": func.now(),
        "lease_until": None,
        "lease_expiries": Run.lease_expiries + cast(left_alone, Integer),
    }
    exhausted = (left_alone & ~died_in_a_part() | (Run.state == "queued")) & (Run.attempts >= max_attempts)
    return list(tx.scalars(update(Run).where(exhausted).values(**ended).returning(Run.id)))


# Publishing again is harmless, so the grace is short: a message that nobody took within 5 s may be lost. What
# was told before the run was to be had is no message at all.
_TO_PUBLISH = text("""
    UPDATE runs SET published_at = now() WHERE id IN (
      SELECT id FROM runs
       WHERE (state = 'queued' AND (not_before IS NULL OR not_before <= now()) OR
              state = 'running' AND lease_until < now())
         AND (published_at IS NULL OR published_at < now() - interval '5 seconds'
              OR state = 'queued' AND published_at < not_before
              OR state = 'running' AND published_at < lease_until)
       ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 100)
    RETURNING id, source
""")


def to_publish(tx: Connection) -> list[tuple[int, str]]:
    """Runs (id, source) that wait without a worker knowing, or whose worker is gone; noted as published."""
    return sorted((row.id, row.source) for row in tx.execute(_TO_PUBLISH))
