"""Reading against a deadline: the time runs out also when something keeps arriving, a byte at a time."""

import io
import socket
import time
from typing import Any


def left(deadline: float, *, most: float) -> float:
    """Seconds until the deadline (of the monotonic clock), at most `most`. Raises TimeoutError after it."""
    seconds = min(most, deadline - time.monotonic())
    if seconds <= 0:
        raise TimeoutError("the deadline has passed")
    return seconds


class Until(io.RawIOBase):
    """What a socket receives until the deadline; `each` bounds one wait. Reading raises TimeoutError.

    http.client reads a reply's head line by line and passes over any number of interim replies; the timeout
    of a socket holds for one wait alone.
    """

    def __init__(self, sock: socket.socket, *, each: float, deadline: float) -> None:
        self._sock, self._each, self._deadline = sock, each, deadline
        self._received = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Wait for the next bytes."""
        self._sock.settimeout(left(self._deadline, most=self._each))
        return self._received.readinto(buffer)

    def fileno(self) -> int:
        """The socket's."""
        return self._received.fileno()

    def close(self) -> None:
        """Let go of the socket."""
        self._received.close()
        super().close()


class Timed:
    """A socket for http.client, which makes one file of it for each reply."""

    def __init__(self, sock: socket.socket, *, each: float, deadline: float) -> None:
        self._sock, self._each, self._deadline = sock, each, deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """The file that a reply is read from."""
        return io.BufferedReader(Until(self._sock, each=self._each, deadline=self._deadline))
