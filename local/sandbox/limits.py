"""How often one caller may call: a sliding window, counted for each key or address."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from threading import Lock


class Meter:
    """Counts calls by caller and says how long the next one has to wait. Refused calls count as well."""

    def __init__(self, limit: int, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.window, self._clock = limit, window, clock
        self._lock = Lock()
        self._latest: dict[str, deque[float]] = {}
        self._totals: Counter[str] = Counter()

    def hit(self, caller: str) -> tuple[int, int]:
        """Count one call; answers the seconds to wait (0 = allowed) and the calls of this caller so far."""
        with self._lock:
            self._totals[caller] += 1
            return self._wait(caller), self._totals[caller]

    def _wait(self, caller: str) -> int:
        if not self.limit:
            return 0
        now = self._clock()
        latest = self._latest.setdefault(caller, deque(maxlen=self.limit))
        full = len(latest) == self.limit and now - latest[0] < self.window
        latest.append(now)
        return max(1, math.ceil(latest[0] + self.window - now)) if full else 0
