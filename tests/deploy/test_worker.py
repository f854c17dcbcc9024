"""The web worker's own decisions, where a real door decides too fast to be caught."""

import socket
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from deploy import worker
from tests.deploy.test_door import CHUNKED, HEAD, POST


@pytest.fixture
def client() -> Iterator[tuple[socket.socket, SimpleNamespace]]:
    """A client, and the connection that the worker has with it."""
    near, far = socket.socketpair()
    with closing(near), closing(far):
        yield near, SimpleNamespace(parser=RequestParser(Config(), far, ("127.0.0.1", 1)))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (HEAD + b"\r\n", True),
        (POST + b"Content-Length: 0\r\n\r\n", True),
        (POST + b"Content-Length: 5\r\n\r\nhe", False),
        (POST + CHUNKED + b"\r\n5\r\nhe", False),
    ],
)
def test_no_time_for_a_body(
    client: tuple[socket.socket, SimpleNamespace], monkeypatch: pytest.MonkeyPatch, sent: bytes, kept: bool
) -> None:
    """A busy machine leaves none: who sent no body keeps the connection, on which more is under way."""
    monkeypatch.setattr(worker, "REST_WITHIN_S", 0)
    near, connection = client
    near.sendall(sent)
    next(connection.parser)

    assert worker.PatientWorker._keepalive_after(None, connection, True) is kept
