"""The Redis lock of a source: the cheap first gate. The fence in PostgreSQL is what makes it true."""

from redis import Redis
from redis.exceptions import LockError, LockNotOwnedError


class SourceLock:
    """A lock on one source with a time to live; only its holder can renew or release it.

    `thread_local=False`, for a thread other than the one that took the lock renews it.
    """

    def __init__(self, client: "Redis", source: str, *, seconds: float) -> None:
        self._client, self._seconds = client, seconds
        self._lock = client.lock(f"kasparro:lock:{source}", timeout=seconds, thread_local=False)

    def acquire(self) -> bool:
        """Take the lock if nobody holds it. Raises redis.RedisError when Redis is away."""
        return bool(self._lock.acquire(blocking=False, token=self._lock.local.token))

    def share(self, token: str) -> None:
        """Hold the lock under a name that all who work on the run know, so that each of them may renew it."""
        self._lock.local.token = token.encode()

    def hand_over(self, token: str) -> None:
        """Put the lock, which was just taken, under a name that all who work on the run know."""
        self._client.set(self._lock.name, token, px=int(self._seconds * 1000))
        self.share(token)

    def renew(self) -> bool:
        """Start the time to live anew; take the lock again if Redis forgot it. False: another holds it."""
        try:
            return bool(self._lock.reacquire())
        except LockNotOwnedError:
            return self.acquire()

    def release(self) -> None:
        """Give the lock up, if it is still ours."""
        try:
            self._lock.release()
        except LockError:
            return
