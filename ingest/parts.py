"""The parts of a run that is divided: planned once, taken by whoever is free, ended one by one.

Nothing is handed out: a puller takes the next part that is to be had (FOR UPDATE SKIP LOCKED), and what it
leaves behind, dead or alive, is to be had again. The caller opens the transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Update, insert, select, text, update

from ingest.claims import Claim, guard, lease_end
from ingest.declared import Piece
from ingest.held import MOST_PAGES, Held, changing
from ingest.page import Position
from models import Checkpoint, Part, Run, Trace

# Any number will do, if all who plan use it.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4711004)")
# What other sources draw meanwhile lies in the block or behind it: ids are unique within a source alone.
_RESERVE = text("SELECT setval('raw_data_id_seq', nextval('raw_data_id_seq') + :many) - :many")


def is_planned(tx: Connection, claim: Claim) -> bool:
    """Whether the run has its parts already, from an attempt before this one."""
    return tx.scalar(select(Run.parts).where(Run.id == claim.run_id)) is not None


def pullers(tx: Connection, claim: Claim) -> int:
    """How many may pull the run's parts at the same time."""
    return tx.scalar(select(Run.pullers).where(Run.id == claim.run_id)) or 0


def standing(tx: Connection, claim: Claim) -> dict[str, tuple[Position, datetime]]:
    """The position of each part that was pulled before, and when the run began that wrote it."""
    query = select(Checkpoint.part, Checkpoint.position, Run.started_at).where(
        Checkpoint.source == claim.source
    )
    rows = tx.execute(query.join(Run, Run.id == Checkpoint.run_id)).all()
    return {} if claim.mode == "full" else {row.part: (row.position, row.started_at) for row in rows}


def plan(tx: Connection, claim: Claim, pieces: Sequence[Piece], *, pullers: int) -> None:
    """Write the plan down: the parts in their order, each with a block of ids for its raw pages.

    Items and rejects give way by the ids of their pages, so of two parts the later one counts, whichever is
    committed first. A block that is reserved in vain, because this is rolled back, is a gap and no harm.
    """
    guard(tx, claim)
    tx.execute(_ONE_AT_A_TIME)
    base = tx.scalar(_RESERVE, {"many": MOST_PAGES * max(len(pieces), 1)})
    rows = [
        {
            "run_id": claim.run_id,
            "number": number,
            "source": claim.source,
            "name": piece.name,
            "spec": piece.spec,
            "raw_base": base + 1 + number * MOST_PAGES,
        }
        for number, piece in enumerate(pieces)
    ]
    if rows:
        tx.execute(insert(Part), rows)
    tx.execute(
        insert(Trace).values(source=claim.source, run_id=claim.run_id, raw_id=base, items=[], pages=[])
    )
    divided = {"parts": len(rows), "pullers": min(pullers, len(rows)), "parts_done": 0}
    tx.execute(update(Run).where(Run.id == claim.run_id).values(**divided, published_at=text("now()")))


_FREE = """(state = 'new' AND (not_before IS NULL OR not_before <= now())
            OR state = 'running' AND lease_until < now())"""
_TAKE = text(f"""
    UPDATE parts SET state = 'running', worker = :worker, token = token + 1, attempts = attempts + 1,
                     lease_until = clock_timestamp() + make_interval(secs => :lease),
                     not_before = NULL, error_kind = NULL, error_message = NULL
     WHERE run_id = :run_id AND number = (
       SELECT number FROM parts WHERE run_id = :run_id AND {_FREE}
        ORDER BY number FOR UPDATE SKIP LOCKED LIMIT 1)
    RETURNING number, name, token, spec
""")  # nosec B608  # a condition of ours
_FAIL_POISONED = text(f"""
    UPDATE parts SET state = 'failed', lease_until = NULL,
           error_kind = coalesce(error_kind, 'worker_died'),
           error_message = CASE WHEN error_kind IS NOT NULL THEN error_message ELSE
             'its worker died ' || attempts || ' times while it pulled it (killed, or out of memory)' END
     WHERE run_id = :run_id AND number IN (
       SELECT number FROM parts WHERE run_id = :run_id AND {_FREE} AND attempts >= :most
          FOR UPDATE SKIP LOCKED)
""")  # nosec B608  # a condition of ours


def take(tx: Connection, claim: Claim, *, worker: str, lease: float, most_attempts: int) -> Claim | None:
    """Take the next part that is to be had; the claim that goes with it. None: there is none at this moment.

    What killed its pullers too often is not tried again. Raises LeaseLost.
    """
    guard(tx, claim)
    run = {"run_id": claim.run_id}
    tx.execute(_FAIL_POISONED, {**run, "most": most_attempts})
    row = tx.execute(_TAKE, {**run, "worker": worker, "lease": lease}).one_or_none()
    return None if row is None else replace(claim, part=Held(claim.run_id, *row))


def done(tx: Connection, claim: Claim) -> None:
    """End the claim's part: all its pages have happened. Raises LeaseLost, PartLost."""
    guard(tx, claim)
    tx.execute(_part(claim).values(state="done", lease_until=None))
    tx.execute(update(Run).where(Run.id == claim.run_id).values(parts_done=Run.parts_done + 1))


def fail(tx: Connection, claim: Claim, *, kind: str, message: str | None) -> None:
    """End the claim's part, which cannot go on; the others do, and the run fails when they have ended."""
    guard(tx, claim)
    tx.execute(_part(claim).values(state="failed", lease_until=None, error_kind=kind, error_message=message))


def put_back(
    tx: Connection, claim: Claim, *, seconds: float = 0, why: str | None = None, counted: bool = False
) -> None:
    """Let others have the claim's part, at once or later; nothing happens when they have it already.

    Nobody failed, so the attempt does not count, unless the caller says so.
    """
    waiting = {
        "state": "new",
        "lease_until": None,
        "not_before": lease_end(seconds) if seconds > 0 else None,
        "attempts": Part.attempts - (0 if counted else 1),
        "error_kind": "storage" if counted else None,
        "error_message": why,
    }
    tx.execute(_part(claim).values(**waiting))


def _part(claim: Claim) -> Update:
    assert claim.part is not None, "the claim is one of a part"
    return changing(claim.part)


@dataclass(frozen=True)
class Left:
    """What is left of a run: parts that others pull, parts that wait, for how many seconds, and why."""

    pulled: int
    waiting: int
    seconds: float
    why: str | None


_LEFT = text("""
    SELECT count(*) FILTER (WHERE state = 'running' AND lease_until >= now()) AS pulled,
           count(*) FILTER (WHERE state = 'new' OR state = 'running' AND lease_until < now()) AS waiting,
           coalesce(min(extract(epoch FROM greatest(not_before - now(), interval '0')))
             FILTER (WHERE state = 'new'), 0)::float AS seconds,
           min(error_message) FILTER (WHERE state = 'new') AS why
      FROM parts WHERE run_id = :run_id
""")


def left(tx: Connection, claim: Claim) -> Left | None:
    """What is left, seen with the run's row locked: of pullers that leave at once, the last knows that it is.

    None: the run has ended, or is another's.
    """
    ours = (Run.id == claim.run_id, Run.fence == claim.fence, Run.state == "running")
    if tx.execute(select(Run.id).where(*ours).with_for_update()).one_or_none() is None:
        return None
    return Left(*tx.execute(_LEFT, {"run_id": claim.run_id}).one())


def others_pull(tx: Connection, claim: Claim) -> bool:
    """Whether others go on with the run when this worker leaves it."""
    found = left(tx, claim)
    return found is not None and found.pulled > 0


def failures(tx: Connection, claim: Claim) -> list[tuple[str, str]]:
    """The kind and the message of each part that failed, in the order of the plan."""
    failed = (Part.run_id == claim.run_id, Part.state == "failed")
    columns = (Part.name, Part.error_kind, Part.error_message)
    rows = tx.execute(select(*columns).where(*failed).order_by(Part.number))
    return [(row.error_kind, f"part {row.name}: {row.error_message}") for row in rows]


# To wake again is harmless, and at once where a part has become free since.
_SHORT = text(f"""
    UPDATE runs SET published_at = now() FROM (
      SELECT run_id, count(*) FILTER (WHERE {_FREE}) AS free,
             max(coalesce(lease_until, parts.not_before)) FILTER (WHERE {_FREE}) AS free_since,
             count(*) FILTER (WHERE state = 'running' AND lease_until >= now()) AS busy
        FROM parts WHERE run_id IN (SELECT id FROM runs WHERE state = 'running' AND parts IS NOT NULL)
       GROUP BY run_id) AS part
     WHERE runs.id = part.run_id AND runs.state = 'running' AND runs.lease_until >= now()
       AND NOT cancel_requested AND free > 0 AND busy < pullers
       AND (published_at IS NULL OR published_at < now() - interval '5 seconds'
            OR published_at < free_since)
    RETURNING id, source, least(free, pullers - busy) AS pullers
""")  # nosec B608  # a condition of ours


def short_of_pullers(tx: Connection) -> list[tuple[int, str, int]]:
    """Runs (id, source) that have parts to be had and fewer pullers than they may; how many more each may."""
    return sorted((row.id, row.source, row.pullers) for row in tx.execute(_SHORT))
