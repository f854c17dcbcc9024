"""A worker's hold on a run: claimed, guarded, counted, renewed, and ended.

Every change of state is a compare-and-set in PostgreSQL on the run's fence. The caller opens the transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, Row, case, cast, func, select, true, update
from sqlalchemy.dialects.postgresql import JSONB

from ingest import held
from ingest.errors import Cancelled, LeaseLost
from ingest.held import Held
from ingest.runs import abandoned, died_in_a_part, session_name, source_of
from models import Part, Run, Source

COUNTERS = ("fetched", "inserted", "updated", "unchanged", "rejected", "superseded")


@dataclass(frozen=True)
class Claim:
    """A run that this worker may execute, as long as the source's fence is `fence`.

    Of a run that is divided `part` is what this worker pulls now; others pull other parts at the same time.
    """

    run_id: int
    source: str
    fence: int
    mode: str
    attempts: int
    request_id: str | None
    part: Held | None = None


def claim(
    tx: Connection, run_id: int, *, worker: str, lease: float, most_attempts: int | None = None
) -> Claim | None:
    """Take the run: state, lease, attempt, and a new fence. None when it is not to be had now.

    The fence is minted under the row lock of the source, so a takeover waits for a page that is just
    being committed, and whoever held the run before is fenced from then on.
    """
    source = source_of(tx, run_id)
    if source is None:
        return None
    fence = tx.scalar(select(Source.fence).where(Source.name == source).with_for_update()) or 0
    row = tx.execute(
        update(Run)
        .where(Run.id == run_id, _claimable(), _below(most_attempts))
        .values(
            state="running",
            fence=fence + 1,
            worker=worker,
            attempts=Run.attempts + case((died_in_a_part(), 0), else_=1),
            started_at=func.coalesce(Run.started_at, func.now()),
            lease_until=lease_end(lease),
            lease_expiries=Run.lease_expiries + cast(Run.state == "running", Integer),
        )
        .returning(Run.mode, Run.attempts, Run.request_id)
    ).one_or_none()
    if row is None:
        return None
    tx.execute(update(Source).where(Source.name == source).values(fence=fence + 1))
    _reopen(tx, run_id)
    return Claim(run_id, source, fence + 1, row.mode, row.attempts, row.request_id)


def _below(most_attempts: int | None) -> Any:
    return true() if most_attempts is None else (Run.attempts < most_attempts) | died_in_a_part()


def _reopen(tx: Connection, run_id: int) -> None:
    """What was being pulled under the old fence is to be had again; the attempt stays counted."""
    pulled = update(Part).where(Part.run_id == run_id, Part.state == "running")
    tx.execute(pulled.values(state="new", lease_until=None))


def join(tx: Connection, run_id: int) -> Claim | None:
    """A share in a run that is divided and that others execute, under their fence. None: it is not so."""
    live = (Run.state == "running", Run.lease_until >= func.now(), Run.parts.is_not(None))
    columns = (Run.source, Run.fence, Run.mode, Run.attempts, Run.request_id)
    row = tx.execute(select(*columns).where(Run.id == run_id, *live)).one_or_none()
    if row is None:
        return None
    return Claim(run_id, row.source, row.fence or 0, row.mode, row.attempts, row.request_id)


def _claimable() -> Any:
    waiting = (Run.state == "queued") & (Run.not_before.is_(None) | (Run.not_before <= func.now()))
    return waiting | abandoned()


def lease_end(seconds: float) -> Any:
    """The end of a lease that begins now, by the database's clock alone."""
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def renewed(until: Any, seconds: float) -> Any:
    """The end of a lease that is renewed, counted from the beginning of the transaction.

    Whoever had to wait for the row may be gone when it is its turn: its wait must not keep others away.
    """
    return func.greatest(until, func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds))


def guard(tx: Connection, claim: Claim) -> None:
    """Begin a transaction that writes data: hold the source's fence, and stop if it is no longer ours.

    Raises LeaseLost, PartLost, and Cancelled: no page is loaded once somebody has cancelled the run.
    """
    if _hold_fence(tx, claim):
        raise Cancelled(f"run {claim.run_id} was cancelled")
    if claim.part is not None:
        held.guard(tx, claim.part)


def _hold_fence(tx: Connection, claim: Claim) -> bool:
    """Hold the source's fence until the transaction ends. Returns whether somebody asked to cancel.

    FOR SHARE makes a takeover wait until this transaction ends; FOR KEY SHARE or no lock would not.
    The session bears the name of run and part meanwhile, so that it is found when the lease is over.
    Raises LeaseLost.
    """
    number = None if claim.part is None else claim.part.number
    named = func.set_config("application_name", session_name(claim.run_id, number), True)
    asked = select(Run.cancel_requested).where(Run.id == claim.run_id).scalar_subquery()
    locked = select(Source.fence, named, asked).where(Source.name == claim.source)
    fence, _, cancelled = tx.execute(locked.with_for_update(read=True)).one_or_none() or (None, None, None)
    if fence != claim.fence:
        raise LeaseLost(
            f"run {claim.run_id} of {claim.source} has fence {claim.fence}; the source is at {fence}"
        )
    return bool(cancelled)


def started(tx: Connection, claim: Claim, positions: Mapping[str, Any]) -> None:
    """Note where the source stood when the run first began."""
    before = func.coalesce(Run.position_before, cast(dict(positions), JSONB))
    tx.execute(_ours(claim).values(position_before=before))


def reached(tx: Connection, claim: Claim) -> dict[str, Any] | None:
    """The position that the run has counted last; None before its first page."""
    return tx.scalar(select(Run.position_after).where(Run.id == claim.run_id))


def so_far(tx: Connection, claim: Claim) -> Row[int, int]:
    """What the run has counted, over all its attempts: `fetched` and `rejected`."""
    return tx.execute(select(Run.fetched, Run.rejected).where(Run.id == claim.run_id)).one()


def count(
    tx: Connection,
    claim: Claim,
    counts: Mapping[str, int],
    position: Mapping[str, Any] | None,
    *,
    pages: int = 1,
) -> None:
    """Add the outcome of pages to the run's counters, in their own transaction. Raises LeaseLost."""
    added = {name: getattr(Run, name) + counts[name] for name in COUNTERS}
    after = {} if position is None else {"position_after": position}
    if claim.part is not None:
        held.count(tx, claim.part)
    _expect_ours(tx, claim, _ours(claim).values(pages=Run.pages + pages, **added, **after))


def _ours(claim: Claim) -> Any:
    return update(Run).where(Run.id == claim.run_id, Run.fence == claim.fence, Run.state == "running")


def _expect_ours(tx: Connection, claim: Claim, statement: Any) -> Any:
    """Execute an update of the claimed run and return its row. Raises LeaseLost where it is not ours."""
    row = tx.execute(statement.returning(Run.cancel_requested)).one_or_none()
    if row is None:
        raise LeaseLost(f"run {claim.run_id} of {claim.source} is no longer ours")
    return row


def renew(tx: Connection, claim: Claim, *, lease: float) -> bool:
    """Extend the lease, and that of the part. Returns whether somebody asked to cancel. Raises LeaseLost."""
    if claim.part is not None:
        held.renew(tx, claim.part, renewed(Part.lease_until, lease))
    row = _expect_ours(tx, claim, _ours(claim).values(lease_until=renewed(Run.lease_until, lease)))
    return bool(row.cancel_requested)


def finish(
    tx: Connection, claim: Claim, state: str, *, kind: str | None = None, message: str | None = None
) -> None:
    """End the run: succeeded, failed or cancelled. Raises LeaseLost when it is no longer ours."""
    _hold_fence(tx, claim)
    ended = {"state": state, "finished_at": func.now(), "lease_until": None, "error_kind": kind}
    _expect_ours(tx, claim, _ours(claim).values(error_message=message, **ended))


def hand_back(
    tx: Connection, claim: Claim, *, seconds: float = 0, why: str | None = None, counted: bool = False
) -> str | None:
    """Put a running run back into the queue; return its state, None when it is no longer ours.

    Nobody failed, so the attempt does not count, unless the caller says so. A run that was to be cancelled
    is cancelled instead. `why` tells people what a queued run waits for.
    """
    waiting = {
        "state": case((Run.cancel_requested, "cancelled"), else_="queued"),
        "finished_at": case((Run.cancel_requested, func.now())),
        "lease_until": None,
        "published_at": None,
        "not_before": lease_end(seconds) if seconds > 0 else None,
        "attempts": Run.attempts if counted else func.greatest(Run.attempts - 1, 0),
        "error_message": why,
    }
    state: str | None = tx.scalar(_ours(claim).values(**waiting).returning(Run.state))
    return state
