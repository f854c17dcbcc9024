"""Holding a run: a thread renews the lease in PostgreSQL and the lock in Redis while pages are loaded."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

import redis
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ingest import claims
from ingest.claims import Claim
from ingest.errors import Cancelled, LeaseLost, PartLost, Stopped
from ingest.lock import SourceLock

log = structlog.get_logger()


class Lease:
    """A context in which the claim stays ours; `check` between pages says when it must end.

    PostgreSQL decides: while the lease is renewed there, nothing that happens to the lock ends the run.
    A lock that Redis has forgotten (a restart, FLUSHALL) is taken again.
    """

    def __init__(
        self,
        db: Engine,
        claim: Claim,
        lock: SourceLock | None,
        *,
        seconds: float,
        every: float,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.db, self.claim, self.lock = db, claim, lock
        self.seconds, self.every, self.stopping = seconds, every, stopping
        self.interrupted = threading.Event()
        self._lost = self._cancelled = self._part_lost = False
        self._ended = threading.Event()
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name=f"lease of run {claim.run_id}", daemon=True)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=self.every)

    def hold(self, claim: Claim) -> None:
        """From now on keep this claim on the run, with its part if it has one."""
        self.claim, self._part_lost = claim, False

    def check(self) -> None:
        """Raise LeaseLost, PartLost, Cancelled or Stopped when the run, or the part, must not go on here."""
        if self._lost:
            raise LeaseLost(f"the lease of run {self.claim.run_id} ended")
        if self._part_lost:
            raise PartLost(f"the lease of a part of run {self.claim.run_id} ended")
        if self._cancelled:
            raise Cancelled(f"run {self.claim.run_id} was cancelled")
        if self.stopping():
            raise Stopped("the worker is stopping")

    def _keep(self) -> None:
        while not self._ended.wait(min(self.every, 1.0)):
            if time.monotonic() - self._renewed >= self.every:
                self._renew()
            if self._lost or self._cancelled or self.stopping():
                self.interrupted.set()

    def _renew(self) -> None:
        claim = self.claim
        try:
            with self.db.begin() as tx:
                self._cancelled = claims.renew(tx, claim, lease=self.seconds)
            self._renewed = time.monotonic()
            self._renew_lock()
        except PartLost:
            # A part that ended while this was on its way is no loss.
            self._part_lost = claim is self.claim
        except LeaseLost:
            self._lost = True
        except SQLAlchemyError as error:
            log.warning("lease not renewed", error=type(error).__name__)
            self._lost = time.monotonic() - self._renewed > self.seconds - self.every

    def _renew_lock(self) -> None:
        if self.lock is None:
            return
        try:
            if not self.lock.renew():
                log.warning("lock held by another; the fence decides")
        except redis.RedisError as error:
            log.warning("lock not renewed", error=type(error).__name__)
