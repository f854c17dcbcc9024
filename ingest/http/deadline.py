"""Reading against a deadline: the time runs out also when something keeps arriving, a byte at a time."""

import io
import socket
import time
from contextlib import suppress
from typing import Any

from ingest.errors import Stopped
from ingest.http.stop import LOOK, Stop


def left(deadline: float, *, most: float) -> float:
    """Seconds until the deadline (of the monotonic clock), at most `most`. Raises TimeoutError after it."""
    seconds = min(most, deadline - time.monotonic())
    if seconds <= 0:
        raise TimeoutError("the deadline has passed")
    return seconds


class Until(io.RawIOBase):
    """What a socket receives until the deadline; `each` bounds one wait.

    Reading raises TimeoutError, and Stopped soon after `stop` is set.
    http.client reads a reply's head line by line and passes over any number of interim replies; the timeout
    of a socket holds for one wait alone.
    """

    def __init__(self, sock: socket.socket, *, each: float, deadline: float, stop: Stop) -> None:
        self._sock, self._each, self._deadline, self._stop = sock, each, deadline, stop
        # The socket stays open as long as a file of it does.
        self._received = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Wait for the next bytes."""
        ends = min(self._deadline, time.monotonic() + self._each)
        while not self._stop.is_set():
            self._sock.settimeout(left(ends, most=LOOK))
            with suppress(TimeoutError):
                return self._sock.recv_into(buffer)
        raise Stopped("asked to stop while waiting for a reply")

    def fileno(self) -> int:
        """The socket's."""
        return self._received.fileno()

    def close(self) -> None:
        """Let go of the socket."""
        self._received.close()
        super().close()


class Timed:
    """A socket for http.client, which makes one file of it for each reply."""

    def __init__(self, sock: socket.socket, *, each: float, deadline: float, stop: Stop) -> None:
        self._sock, self._each, self._deadline, self._stop = sock, each, deadline, stop

    def makefile(self, mode: str) -> io.BufferedReader:
        """The file that a reply is read from."""
        return io.BufferedReader(Until(self._sock, each=self._each, deadline=self._deadline, stop=self._stop))
