"""An upstream that is away, fails or misanswers: how often it is asked, and what becomes of the run."""

import gzip
import json
from contextlib import suppress

import pytest

from ingest.errors import SourceBroken
from ingest.http.backoff import MOST_AHEAD
from ingest.http.messages import Request
from tests.faults.shop import thing, things
from tests.faults.wire import at_once, wire
from tests.http.asking import client, request, wants_list
from tests.upstream import Play, answer, upstream

SINCE = {"field": "at", "param": "since"}
OLD = "2026-05-01T00:00:00Z"
ONE_BY_ONE = {"type": "page", "size": 1}
GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_refused_connection_moves_nothing(shop):
    """U1: the checkpoint stands where the run before left it."""
    with upstream(answer([thing(1, at=OLD)])) as server:
        shop.declare(server.url, since=SINCE)
        shop.run()
    before = shop.position()

    failed = shop.run()

    assert (failed.state, failed.error_kind, failed.fetched) == ("failed", "network", 0)
    assert "Connection refused" in failed.error_message
    assert "attempts: 2" in failed.error_message
    assert before == shop.position() == {"watermark": "2026-05-01T00:00:00+00:00"}


def test_unknown_name_fails(shop):
    """U1"""
    failed = shop.declare("http://nowhere.invalid").run()

    assert (failed.error_kind, shop.position()) == ("network", None)
    assert "attempts: 2" in failed.error_message


@pytest.mark.parametrize(
    "said", [GARBAGE, b"\x15\x03\x03\x00\x02\x02\x28", b""], ids=["http", "alert", "end"]
)
def test_bad_tls_fails(shop, said):
    """U1: whoever answers there does not speak TLS, refuses it, or hangs up."""
    with wire(at_once(said), secure=True) as server:
        failed = shop.declare(server.url, retries=2).run()

    assert (failed.state, failed.error_kind, len(server.heads)) == ("failed", "network", 3)
    assert all(head[:1] == b"\x16" for head in server.heads)  # no request in the clear


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("burst", [1, 4])
def test_burst_is_outlasted(shop, status, burst):
    """U4: as many failures as there are retries, and the run has them all."""
    with upstream(*[answer({}, status)] * burst, answer(things(0, 3))) as server:
        row = shop.declare(server.url, retries=4).run()

        assert (row.state, row.inserted, len(server.journal)) == ("succeeded", 3, burst + 1)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failing_for_ever_is_bounded(shop, status):
    """U4: one request and its retries a run, and the first request of the next run is the probe."""
    with upstream(answer({}, status)) as server:
        shop.declare(server.url, retries=4)
        runs = [shop.run() for _ in range(3)]

        assert [(row.state, row.error_kind) for row in runs] == [("failed", "upstream")] * 3
        assert len(server.journal) == 3 * 5


def test_flapping_is_bounded(shop):
    """U4: an upstream that answers one time in five is left in the end, and gone on with by the next run."""

    def flapping(asked):
        page = int(asked.query["page"])
        good = len(server.journal) % 5 == 0
        return answer([thing(page)] if page < 100 else []) if good else answer({}, 503)

    with upstream(flapping) as server:
        shop.declare(server.url, retries=4, paginate=ONE_BY_ONE)
        row = shop.run()
        asked, reached = len(server.journal), server.journal[-1].query["page"]
        server.steps[:] = [answer([])]
        after = shop.run()

        assert (row.state, row.error_kind) == ("failed", "upstream")
        assert "this run has asked again more than 50 times" in row.error_message
        assert asked <= 1 + MOST_AHEAD + row.pages * 3 / 2
        assert 10 < row.pages == len(shop.items()) == int(reached) - 1
        assert (after.state, server.journal[asked].query["page"]) == ("succeeded", reached)


def test_some_failures_are_no_burden():
    """U4: one failure in three, however long the list."""

    def stumbling(asked):
        return answer({}, 500) if len(server.journal) % 3 == 0 else answer([])

    with upstream(stumbling) as server, client() as http:
        for _ in range(6 * MOST_AHEAD):
            http.fetch(request(server, retries=1))

        assert len(server.journal) >= 9 * MOST_AHEAD - 1


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "auth"), (403, "auth"), (404, "not_found"), (410, "not_found")]
)
def test_refusal_is_asked_for_once(shop, status, kind):
    """U5"""
    with upstream(answer({"error": "no"}, status)) as server:
        row = shop.declare(server.url, retries=4).run()

        assert (row.state, row.error_kind, len(server.journal)) == ("failed", kind, 1)


JSON = {"Content-Type": "application/json"}
GOOD = json.dumps(things(0, 3)).encode()
MISANSWERS = {
    "html": Play(200, b"<html>down</html>", {"Content-Type": "text/html"}),
    "html as json": Play(200, b"<html>down</html>", JSON),
    "empty": Play(200, b"", JSON),
    "white space": Play(200, b" \r\n\t ", JSON),
    "json as text": Play(200, GOOD, {"Content-Type": "text/plain"}),
    "json as a download": Play(200, GOOD, {"Content-Type": "application/octet-stream"}),
    "no type": Play(200, GOOD),
    "latin-1": Play(200, '[{"id": 1, "name": "café"}]'.encode("latin-1"), JSON),
    "utf-16 named utf-8": Play(200, b"\xef\xbb\xbf" + GOOD.decode().encode("utf-16-le"), JSON),
    "two documents": Play(200, GOOD + GOOD, JSON),
    "trailing comma": Play(200, b'[{"id": 1},]', JSON),
    "no quotes": Play(200, b"[{id: 1}]", JSON),
    "jsonp": Play(200, b"callback(" + GOOD + b")", JSON),
    "an object": answer({"error": "maintenance"}),
    "null": answer(None),
    "double gzip": Play(200, gzip.compress(gzip.compress(GOOD)), JSON | {"Content-Encoding": "gzip"}),
    "gzip named twice": Play(200, gzip.compress(GOOD), JSON | {"Content-Encoding": "gzip, gzip"}),
    "plain named gzip": Play(200, GOOD, JSON | {"Content-Encoding": "gzip"}),
    "cut gzip": Play(200, gzip.compress(GOOD)[:-4], JSON | {"Content-Encoding": "gzip"}),
    "shorter than told": Play(200, GOOD, JSON, declared=len(GOOD) - 1),
}


@pytest.mark.parametrize("step", MISANSWERS.values(), ids=MISANSWERS)
def test_misanswer_is_refused(shop, step):
    """U6, U8: it is asked for again, and nothing comes of it; the message says what came."""
    with upstream(step) as server:
        row = shop.declare(server.url).run()

        assert (row.state, row.error_kind, row.fetched) == ("failed", "reply", 0)
        assert "status 200, but the reply" in row.error_message
        assert len(server.journal) == 2
    assert (shop.items(), shop.raw(), shop.position()) == ({}, [], None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
def test_any_unicode_is_taken(shop, encoding):
    """U6: JSON says by its first bytes which Unicode it is."""
    with upstream(Play(200, GOOD.decode().encode(encoding), JSON)) as server:
        assert shop.declare(server.url).run().inserted == 3


def test_half_a_surrogate_is_one_reject(shop):
    """U6: bytes that are no UTF-8, but that Python's reader takes, are no matter of the whole page."""
    body = b'[{"id": 1, "name": "\xed\xa0\x80"}, {"id": 2, "name": "neighbour"}]'
    with upstream(Play(200, body, JSON)) as server:
        row = shop.declare(server.url).run()

    assert (row.state, row.inserted, row.rejected) == ("succeeded", 1, 1)


LONG = json.dumps([thing(number, note="x" * 40) for number in range(20)]).encode()


def chunked(body):
    """The body as two chunks and the empty one that ends them."""
    parts = [body[:1000], body[1000:], b""]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


FRAMES = {
    "length": (b"Content-Length: %d\r\n\r\n" % len(LONG), LONG),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", chunked(LONG)),
}


@pytest.mark.parametrize(("head", "body"), FRAMES.values(), ids=FRAMES)
def test_cut_at_every_byte(head, body):
    """U7: a reply that ends too early is never taken for a shorter one."""
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + head
    whole = start + body
    cuts = iter(range(len(whole)))

    def cut(connection, over):
        connection.sendall(whole[: next(cuts, None)])

    with wire(cut) as server, client() as http:
        taken = [whole_or_none(http, server) for _ in range(len(whole) + 1)]

    assert taken[-1] == LONG
    assert set(taken) == {LONG, None}
    assert taken.count(None) >= whole.rindex(b"}]") + 2


def whole_or_none(http, server):
    """What comes of one request that is not asked again."""
    with suppress(SourceBroken):
        return http.fetch(Request(server.url, retries=0), wants_list).body


def test_longer_than_told_fails(shop):
    """U8: what is missing may still have come."""
    with upstream(Play(200, GOOD, JSON, declared=len(GOOD) + 1)) as server:
        assert shop.declare(server.url).run().error_kind == "network"
    assert shop.items() == {}


def test_bomb_ends_the_run(shop):
    """U8"""
    bomb = Play(200, gzip.compress(b"[" + b" " * 20_000_000 + b"]"), JSON | {"Content-Encoding": "gzip"})
    with upstream(bomb) as server:
        row = shop.declare(server.url, max_body="1MB").run()

        assert (row.state, row.error_kind, len(server.journal)) == ("failed", "reply", 1)
        assert "max_body allows no more" in row.error_message


@pytest.mark.parametrize("status", [307, 308])
def test_post_is_not_sent_elsewhere(shop, status):
    """U17: neither its body nor its credential."""
    with upstream(answer([])) as other:
        away = Play(status, headers={"Location": f"{other.url}/things"})
        with upstream(away) as server:
            auth = {"type": "bearer", "value": "a-token"}
            row = shop.declare(server.url, method="POST", body={"q": 1}, auth=auth).run()

            assert (row.error_kind, other.journal, len(server.journal)) == ("request", [], 1)
