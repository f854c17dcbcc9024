"""What is asked again, how often, and what is said in the end."""

import gzip

import pytest

from ingest.errors import SourceBroken
from ingest.http.messages import Request
from tests.http.asking import client, request, wants_list
from tests.upstream import Play, answer, upstream

GOOD = answer([1])
HTML = Play(200, b"<html>down</html>", {"Content-Type": "text/html"})
PASSING = {
    "429": answer({}, 429),
    "500": answer({}, 500),
    "502": answer({}, 502),
    "503": answer({}, 503),
    "504": answer({}, 504),
    "reset in the body": Play(200, b"[1, 2, 3]", cut=3, reset=True),
    "no reply": Play(200, cut=0, silent=False, declared=5),
    "short body": Play(200, b"[1, 2", declared=50),
    "cut gzip": Play(200, gzip.compress(b"[1]" * 500)[:20], {"Content-Encoding": "gzip"}),
    "no gzip": Play(200, b"[1]", {"Content-Encoding": "gzip"}),
    "foreign encoding": Play(200, b"[1]", {"Content-Encoding": "br"}),
    "html": HTML,
    "empty": Play(200, b""),
}


@pytest.mark.parametrize("step", PASSING.values(), ids=PASSING.keys())
def test_asks_again(step):
    with upstream(step, step, GOOD) as server, client() as http:
        reply = http.fetch(request(server), wants_list)

        assert reply.body == b"[1]"
        assert len(server.journal) == 3


@pytest.mark.parametrize("step", [HTML, PASSING["no gzip"]], ids=["refused", "not unpacked"])
def test_asks_again_over_a_new_connection(step):
    """The rest of a misanswer may still be on its way over the old one, or its end."""
    with upstream(step, GOOD, GOOD) as server, client() as http:
        for _ in range(2):
            http.fetch(request(server), wants_list)

        assert server.connections == 2


@pytest.mark.parametrize(
    ("step", "kind"),
    [(answer({"error": "broken"}, 500), "upstream"), (PASSING["short body"], "network"), (HTML, "reply")],
    ids=["status", "wire", "reply"],
)
def test_gives_up(step, kind):
    with upstream(step) as server, client() as http:
        with pytest.raises(SourceBroken) as caught:
            http.fetch(request(server, params={"page": "3"}), wants_list)

        assert caught.value.kind == kind
        assert f"GET {server.url}/things" in str(caught.value)
        assert "attempts: 3" in str(caught.value)
        assert len(server.journal) == 3


def test_says_what_came():
    with (
        upstream(HTML) as server,
        client() as http,
        pytest.raises(SourceBroken, match=r"status 200, but the reply is not a list.*<html>down"),
    ):
        http.fetch(request(server), wants_list)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "request"),
        (401, "auth"),
        (402, "quota"),
        (403, "auth"),
        (404, "not_found"),
        (410, "not_found"),
        (418, "request"),
        (422, "request"),
    ],
)
def test_asks_once(status, kind):
    with upstream(answer({"error": "no"}, status)) as server, client() as http:
        with pytest.raises(SourceBroken, match=f"status {status}: .*no") as caught:
            http.fetch(request(server))

        assert caught.value.kind == kind
        assert len(server.journal) == 1


def test_refused_connection():
    with upstream(GOOD) as server:
        gone = server.url

    with client() as http, pytest.raises(SourceBroken, match="Connection refused") as caught:
        http.fetch(Request(url=gone + "/?token=hidden", retries=1))

    assert caught.value.kind == "network"
    assert "hidden" not in str(caught.value)


def test_unknown_host():
    with client() as http, pytest.raises(SourceBroken) as caught:
        http.fetch(Request(url="http://nowhere.invalid/", retries=0))

    assert caught.value.kind == "network"


def test_cut_at_every_byte():
    body = b'[{"id": 1, "name": "a"}]'
    cuts = [Play(200, body, {"Content-Type": "application/json"}, cut=at) for at in range(len(body))]

    with upstream(*cuts, Play(200, body)) as server, client() as http:
        reply = http.fetch(request(server, retries=len(cuts)))

        assert reply.body == body
        assert len(server.journal) == len(cuts) + 1
