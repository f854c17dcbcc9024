"""A scripted upstream: a real HTTP server on loopback that plays a list of replies and keeps a journal.

A step is a `Play`, or a function of the request that returns one. After the last step the last one is
played again. Faults of the wire (a reset, a body that ends early or trickles) are part of a step.
"""

import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Play:
    """A reply. `declared` lies about the length; `cut` sends that many bytes of the body and then resets or
    closes; `trickle` sends byte by byte, with that many seconds before each."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    cut: int | None = None
    reset: bool = False
    trickle: float = 0.0
    silent: bool = False


Step = Play | Callable[[Asked], Play]


def answer(value: Any, status: int = 200, **headers: str) -> Play:
    """A reply of JSON."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Play(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle of its request is no news; a mistake of ours is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Upstream:
    """The server: its URL, its steps, its journal, and how many connections were made to it."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.journal: list[Asked] = []
        self.connections = 0
        self.over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; what hangs or trickles ends."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def play(self, asked: Asked) -> Play:
        """Take the next step."""
        self.journal.append(asked)
        step = self.steps[min(len(self.journal), len(self.steps)) - 1]
        return step if isinstance(step, Play) else step(asked)


@contextmanager
def upstream(*steps: Step) -> Iterator[Upstream]:
    """A running server that plays the steps."""
    server = Upstream(list(steps))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _handler(server: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two packets, and the second would wait 40 ms for the answer to the first.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            parts = urlsplit(self.path)
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                dict(self.headers.items()),
                self.rfile.read(length),
            )
            self._send(server.play(asked))

        do_POST = do_GET

        def _send(self, play: Play) -> None:
            try:
                if play.silent:
                    server.over.wait(10)
                    self.close_connection = True
                    return
                self.send_response(play.status)
                declared = len(play.body) if play.declared is None else play.declared
                for name, value in {"Content-Length": str(declared), **play.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self._send_body(play)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _send_body(self, play: Play) -> None:
            body = play.body if play.cut is None else play.body[: play.cut]
            for number in range(len(body) if play.trickle else 0):
                if server.over.wait(play.trickle):
                    break
                self.wfile.write(body[number : number + 1])
            if not play.trickle:
                self.wfile.write(body)
            if play.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if play.cut is not None or play.declared is not None:
                self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: the journal remembers."""

    return Handler
