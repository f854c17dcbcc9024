"""Deadlines and caps: an upstream cannot hold a worker or fill its memory."""

import gzip
import threading
import time
import zlib

import pytest

from ingest.errors import SourceBroken, Stopped
from tests.http.asking import client, request
from tests.upstream import Play, answer, upstream


def test_trickle_meets_deadline():
    with upstream(Play(200, b"x" * 1000, trickle=0.02)) as server, client() as http:
        began = time.monotonic()
        with pytest.raises(SourceBroken, match="total timeout"):
            http.fetch(request(server, total_timeout=0.2, retries=0))

        assert time.monotonic() - began < 1.5


def test_silence_meets_read_timeout():
    with upstream(Play(silent=True)) as server, client() as http:
        with pytest.raises(SourceBroken, match="timed out") as caught:
            http.fetch(request(server, read_timeout=0.1, retries=1))

        assert caught.value.kind == "network"
        assert len(server.journal) == 2


def test_stop_ends_reading():
    stop = threading.Event()
    with upstream(Play(200, b"x" * 1000, trickle=0.01)) as server, client(stop=stop) as http:
        threading.Timer(0.1, stop.set).start()

        with pytest.raises(Stopped):
            http.fetch(request(server))


def test_stop_ends_waiting_for_a_reply():
    stop = threading.Event()

    def silent(asked):
        stop.set()
        return Play(silent=True)

    with upstream(silent) as server, client(stop=stop) as http:
        began = time.monotonic()
        with pytest.raises(Stopped):
            http.fetch(request(server))

        assert time.monotonic() - began < 2


def test_stop_comes_before_asking():
    stop = threading.Event()
    stop.set()
    with upstream(answer([])) as server, client(stop=stop) as http:
        with pytest.raises(Stopped):
            http.fetch(request(server))

        assert server.journal == []


def test_connection_is_kept():
    """Also after a refusal, whose body was read to its end."""
    with upstream(answer([]), answer({}, 500), answer([])) as server, client() as http:
        for _ in range(5):
            http.fetch(request(server))

        assert len(server.journal) == 6
        assert server.connections == 1


@pytest.mark.parametrize("method", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_bomb_is_capped(method):
    encoding = "gzip" if method is gzip.compress else "deflate"
    bomb = Play(200, method(b"0" * 50_000_000), {"Content-Encoding": encoding})

    with upstream(bomb) as server, client() as http:
        with pytest.raises(SourceBroken, match="larger than 1000000 bytes") as caught:
            http.fetch(request(server, max_body=1_000_000))

        assert caught.value.kind == "reply"
        assert len(server.journal) == 1


def test_body_is_capped():
    with (
        upstream(answer(["x" * 2000])) as server,
        client() as http,
        pytest.raises(SourceBroken, match="max_body"),
    ):
        http.fetch(request(server, max_body=1000))


def raw_deflate(data):
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"[1,2]")),
        ("gzip", gzip.compress(b"[1,") + gzip.compress(b"2]")),
        ("deflate", zlib.compress(b"[1,2]")),
        ("deflate", raw_deflate(b"[1,2]")),
        ("identity", b"[1,2]"),
    ],
    ids=["gzip", "two members", "zlib", "raw", "identity"],
)
def test_body_is_decompressed(encoding, packed):
    with upstream(Play(200, packed, {"Content-Encoding": encoding})) as server, client() as http:
        reply = http.fetch(request(server))

        assert reply.body == b"[1,2]"
        assert server.journal[0].headers["Accept-Encoding"] == "gzip"
