"""An upstream that takes its time, and one that does not stop sending: time and memory are bounded."""

import socket
import time
import tracemalloc
from contextlib import ExitStack

import pytest

from ingest.errors import SourceBroken
from ingest.http.messages import Request
from tests.faults.shop import things
from tests.faults.wire import trickling, wire
from tests.http.asking import client
from tests.upstream import Play, answer, upstream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# How long a run may take whose total timeout is the one below: a loaded machine is slow, but not that slow.
TOTAL, LONGEST = "0.3s", 5.0
TRICKLES = {
    "status line": b"HTTP/1.1 " + b" " * 40_000,
    "one header": HEAD + b"X-Long: " + b"x" * 40_000,
    "many headers": HEAD + b"X-A: 1\r\n" * 90,
    "interim replies": b"HTTP/1.1 100 Continue\r\n\r\n",
    "chunk sizes": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 40_000,
    "body": HEAD + b"Content-Length: 1000000\r\n\r\n" + b"[" * 40_000,
}


@pytest.mark.parametrize("data", TRICKLES.values(), ids=TRICKLES)
def test_trickle_meets_its_deadline(shop, data):
    """U2: each byte comes well within the read timeout, and the whole never."""
    with wire(trickling(data, every=0.002)) as server:
        shop.declare(server.url, total_timeout=TOTAL, read_timeout="60s", retries=0)
        began = time.monotonic()
        row = shop.run()

    assert time.monotonic() - began < LONGEST
    assert (row.state, row.error_kind) == ("failed", "network")
    assert "longer than its total timeout" in row.error_message


@pytest.mark.parametrize(
    "sent", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\n[1,"], ids=["nothing", "head", "half"]
)
@pytest.mark.parametrize("timeout", ["read_timeout", "total_timeout"])
def test_silence_is_left(shop, sent, timeout):
    """U2: header never, and a hang in mid-body; whichever of both timeouts is the shorter."""

    def silent(connection, over):
        connection.sendall(sent)
        over.wait(60)

    with wire(silent) as server:
        shop.declare(server.url, retries=0, **({"read_timeout": "60s"} | {timeout: "0.3s"}))
        began = time.monotonic()
        row = shop.run()

    assert time.monotonic() - began < LONGEST
    assert (row.state, row.error_kind) == ("failed", "network")


def test_many_addresses_share_a_deadline():
    """U2: each of them may take the connect timeout, but not one after the other without end."""
    with ExitStack() as full, socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        for _ in range(4):  # who comes after these waits for a reply to his first packet
            waiting = full.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        request = Request(f"http://shop.example:{port}/", retries=0, connect_timeout=0.2, total_timeout=0.5)
        began = time.monotonic()
        with client(resolve=lambda host, port: ["127.0.0.1"] * 100) as http, pytest.raises(SourceBroken):
            http.fetch(request)

    assert time.monotonic() - began < LONGEST


def test_slow_but_in_time_is_read(shop):
    """U2: the deadline of a request is its own; that of the one before on the same connection is over."""
    with upstream(
        answer(things(0, 2)), Play(200, b"[]", {"Content-Type": "application/json"}, trickle=0.1)
    ) as server:
        row = shop.declare(server.url, total_timeout="2s", paginate={"type": "page", "size": 2}).run()

        assert (row.state, row.inserted, len(server.journal)) == ("succeeded", 2, 2)


def test_endless_body_in_bounded_memory():
    """U18: ten gigabytes are announced, and no more is read than is allowed."""
    sent = []

    def endless(connection, over):
        connection.sendall(HEAD + b"Content-Length: 10737418240\r\n\r\n[")
        while not over.is_set():
            sent.append(connection.send(b" " * 65536))

    request = Request("", max_body=1024**2, retries=4)
    with wire(endless) as server, client() as http:
        tracemalloc.start()
        with pytest.raises(SourceBroken, match="larger than 1048576 bytes"):
            http.fetch(Request(**vars(request) | {"url": server.url}))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert most < 8 * 1024**2
    assert sum(sent) < 32 * 1024**2  # what the kernel's buffers hold included
    assert len(server.heads) == 1


MONSTERS = {
    "200,000 keys": (
        b'[{"id": 1, "name": "n", ' + b", ".join(b'"k%d": 0' % n for n in range(200_000)) + b"}]",
        1,
    ),
    "ten megabytes in a field": (b'[{"id": 1, "name": "' + b"x" * 10**7 + b'"}]', 0),
    "a number of a million digits": (b'[{"id": 1, "name": "n", "price": ' + b"9" * 10**6 + b"}]", 0),
    "deep inside": (b'[{"id": 1, "name": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}]", 0),
}


@pytest.mark.parametrize(("body", "good"), MONSTERS.values(), ids=MONSTERS)
def test_monster_is_a_record_or_a_reject(shop, body, good):
    """U18: within max_body; its neighbour stands in any case."""
    whole = body[:-1] + b', {"id": 2, "name": "neighbour"}]'
    with upstream(Play(200, whole, {"Content-Type": "application/json"})) as server:
        row = shop.declare(server.url).run()

    assert (row.state, row.inserted, row.rejected) == ("succeeded", good + 1, 1 - good)
    assert shop.items()["2"] == ("neighbour", None)


@pytest.mark.parametrize(
    ("depth", "kind", "rejected"), [(100, None, 1), (100_000, "reply", 0)], ids=["record", "document"]
)
def test_depth_is_bounded(shop, depth, kind, rejected):
    """U18: the reader of JSON gives up before the stack does."""
    body = b"[" * depth + b"]" * depth
    with upstream(Play(200, body, {"Content-Type": "application/json"})) as server:
        row = shop.declare(server.url).run()

    assert (row.error_kind, row.rejected, shop.items()) == (kind, rejected, {})
