"""What interrupts whoever waits for an upstream, or for its turn to ask it."""

import time
from typing import Protocol

# Nobody who waits goes on for longer than this once it was asked to stop.
LOOK = 0.1


class Stop(Protocol):
    """A flag that interrupts waits, as `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to stop."""

    def wait(self, timeout: float) -> bool:
        """Wait for that many seconds, or until it is set; whether it is."""


class Either:
    """Set when one of two flags is. No event tells of two, so waiting looks at them every now and then."""

    def __init__(self, first: Stop, second: Stop) -> None:
        self._first, self._second = first, second

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._first.is_set() or self._second.is_set()

    def wait(self, timeout: float) -> bool:
        """Wait for that many seconds, or until it is set; whether it is."""
        ends = time.monotonic() + timeout
        while not self.is_set() and (left := ends - time.monotonic()) > 0:
            self._second.wait(min(left, LOOK))
        return self.is_set()
