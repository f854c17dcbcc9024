"""An upstream below HTTP: it sends the bytes that a test writes, whatever a server would think of them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Send = Callable[[socket.socket, threading.Event], None]


@dataclass
class Wire:
    """A listener that reads the head of each request and lets `send` answer; `heads` are those it read."""

    send: Send
    secure: bool = False
    heads: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if self.secure else "http"
        self.url = f"{scheme}://127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self) -> None:
        """Answer, one connection after the other, until the listener is shut down."""
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self.heads.append(_head(connection))
                self.send(connection, self.over)


def _head(connection: socket.socket) -> bytes:
    """All up to the empty line, or what came before the end."""
    head = b""
    while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
        head += piece
        if head[:1] == b"\x16":
            break  # TLS: there will be no empty line
    return head


@contextmanager
def wire(send: Send, *, secure: bool = False) -> Iterator[Wire]:
    """A running listener. With `secure` its URL says https; what it sends is still up to the test."""
    server = Wire(send, secure)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
        thread.join(5)


def trickling(data: bytes, *, every: float) -> Send:
    """Send the bytes one by one, again and again, with a pause before each."""

    def send(connection: socket.socket, over: threading.Event) -> None:
        while True:
            for number in range(len(data)):
                if over.wait(every):
                    return
                connection.sendall(data[number : number + 1])

    return send


def at_once(data: bytes) -> Send:
    """Send the bytes and close."""
    return lambda connection, over: connection.sendall(data)
