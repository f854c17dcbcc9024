"""A stand-in API inside the process of a test, on a free loopback port."""

import os
import socket
import struct
from collections.abc import Sequence
from threading import Thread
from types import TracebackType
from typing import Any, Literal, Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from local.sandbox.app import APIS, create_app
from local.sandbox.damage import Cut
from local.sandbox.requests_log import Entry
from local.sandbox.world import World

POLL_SECONDS = 0.05


class QuietHandler(WSGIRequestHandler):
    """Answers without a line on stderr for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the request log has it."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """Reset the connection when a fault asks for it: the usual close would end the stream politely."""
        if isinstance(error, Cut):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())


def listen(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """A threaded server that is bound and not yet serving; port 0 takes a free one."""
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)


class Sandbox:
    """One stand-in API, up as long as the `with` block: `url` is its base, as a source would have it."""

    def __init__(
        self,
        api: Literal["coinpaprika", "coingecko"],
        *,
        world: World | None = None,
        limit: int | None = 0,
        keys: Sequence[str] = (),
        quota: int = 0,
    ) -> None:
        self.world = world or World()
        self.app = create_app(api, self.world, limit=limit, keys=keys, quota=quota)
        self._base = APIS[api].base

    def __enter__(self) -> Self:
        self._server = listen(self.app, "127.0.0.1", 0)
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self._thread.start()
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.url = self.root + self._base
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()

    @property
    def requests(self) -> list[Entry]:
        """The request log, oldest first."""
        return self.app.config["LOG"].entries()

    def faults(self, steps: list[dict[str, Any]]) -> None:
        """Replace the fault plan; an empty list ends all faults."""
        self.app.config["PLAN"].set(steps)

    def tick(self) -> None:
        """Let the world move on by one tick."""
        self.world.tick()
