"""What the tests of the client share: a client that does not sleep, and requests to the scripted upstream."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingest.http import Http
from ingest.http.messages import BadReply, Reply, Request
from ingest.http.quota import Quota
from tests.upstream import Upstream


@contextmanager
def client(quota: Quota | None = None, *, longest_wait: float = 5.0, **options: Any) -> Iterator[Http]:
    """A client whose backoff is nothing, and which may go to loopback."""
    settled = {"stop": threading.Event(), "base": 0.0, "chance": lambda: 1.0, "allow_private": True} | options
    with Http(quota or Quota("memory://"), longest_wait=longest_wait, **settled) as http:
        yield http


def request(server: Upstream, path: str = "/things", **options: Any) -> Request:
    """A request to the server."""
    return Request(url=server.url + path, **({"retries": 2} | options))


def wants_list(reply: Reply) -> None:
    """A check that a kind might make."""
    if not reply.body.startswith(b"["):
        raise BadReply("is not a list")
