"""Credentials go to one place and appear nowhere."""

import threading

import pytest
import structlog

from ingest.errors import SourceBroken
from ingest.http import Http
from ingest.http.messages import Request
from ingest.http.quota import Quota
from ingest.http.redaction import excerpt, redact
from ingest.references import Substituted
from tests.http.asking import client, request
from tests.upstream import Play, answer, upstream

CANARY = "canary-5f2c/+&"
KEY = Substituted(CANARY, "${COIN_KEY:-}")
WAYS = {
    "header": ({"type": "header", "name": "x-cg-key", "value": KEY}, "x-cg-key", CANARY),
    "bearer": ({"type": "bearer", "value": KEY}, "Authorization", f"Bearer {CANARY}"),
    "basic": (
        {"type": "basic", "username": "me", "password": KEY},
        "Authorization",
        "Basic bWU6Y2FuYXJ5LTVmMmMvKyY=",
    ),
}


@pytest.mark.parametrize(("auth", "name", "value"), WAYS.values(), ids=WAYS.keys())
def test_sends_header(auth, name, value):
    with upstream(answer([])) as server, client() as http:
        http.fetch(request(server, auth=auth))

        assert server.journal[0].headers[name] == value


def test_sends_query():
    auth = {"type": "query", "name": "apikey", "value": KEY}
    with upstream(answer([])) as server, client() as http:
        reply = http.fetch(request(server, auth=auth, params={"page": "2"}))

        assert server.journal[0].query == {"page": "2", "apikey": CANARY}
        assert reply.url == f"{server.url}/things?page=2&apikey=***"


@pytest.mark.parametrize("kind", ["header", "bearer", "query", "basic"])
def test_empty_sends_nothing(kind):
    auth = {"type": kind, "name": "x-key", "value": "", "username": "", "password": ""}
    with upstream(answer([])) as server, client() as http:
        http.fetch(request(server, auth=auth))

        assert "x-key" not in server.journal[0].headers
        assert "Authorization" not in server.journal[0].headers
        assert server.journal[0].query == {}


@pytest.mark.parametrize("status", [401, 403])
def test_names_reference(status):
    with upstream(answer({"error": f"key {CANARY} is wrong"}, status)) as server, client() as http:
        with pytest.raises(SourceBroken, match="the credential of COIN_KEY was sent") as caught:
            http.fetch(request(server, auth={"type": "bearer", "value": KEY}))

        assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        (None, "the source declares none"),
        ({"type": "bearer", "value": Substituted("", "${COIN_KEY:-}")}, "COIN_KEY is empty"),
        ({"type": "header", "name": "x-k", "value": "plain"}, "the credential of the header x-k was sent"),
        ({"type": "query", "name": "k", "value": "plain"}, "the credential of the query parameter k"),
        ({"type": "bearer", "value": "v", "reference": ("A", "B")}, "the credential of A, B was sent"),
    ],
)
def test_names_what_was_sent(auth, said):
    with upstream(answer({}, 401)) as server, client() as http, pytest.raises(SourceBroken, match=said):
        http.fetch(request(server, auth=auth))


@pytest.mark.parametrize("step", [answer({"echo": CANARY}, 500), Play(200, b"x", declared=9)])
def test_appears_nowhere(step):
    auth = {"type": "query", "name": "apikey", "value": KEY}
    with (
        upstream(step) as server,
        client() as http,
        structlog.testing.capture_logs() as logs,
        pytest.raises(SourceBroken) as caught,
    ):
        http.fetch(request(server, auth=auth))

    assert "canary" not in str(caught.value)
    assert len(logs) == 2
    assert logs[0]["event"] == "fetch retried"
    assert "canary" not in str(logs)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@a.io/x", "https://a.io/x"),
        ("https://a.io/?api_key=1&x_cg_demo_api_key=2&q=3", "https://a.io/?api_key=***&x_cg_demo_api_key=***&q=3"),
        ("https://a.io/?access_token=1&signature=2&X-Amz-Signature=3", "https://a.io/?access_token=***&signature=***&X-Amz-Signature=***"),
        ("https://a.io/?client_secret=1&password=2", "https://a.io/?client_secret=***&password=***"),
        ("https://a.io/?page_token=1&keyword=btc&author=x", "https://a.io/?page_token=1&keyword=btc&author=x"),
        ("https://a.io/?q=s3cret&since=2024-01-01T00:00:00Z", "https://a.io/?q=***&since=2024-01-01T00:00:00Z"),
        ("https://a.io/v1/s3cret/x#s3cret", "https://a.io/v1/***/x"),
        ("http://[", "(a URL that cannot be read)"),
    ],
)  # fmt: skip
def test_redacts(url, shown):
    assert redact(url, {"s3cret"}) == shown


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_origin(status):
    auth = {"type": "header", "name": "x-key", "value": KEY}
    with upstream(answer([])) as other:
        away = Play(status, headers={"Location": f"{other.url}/take?q={CANARY}"})
        with (
            upstream(away) as server,
            client() as http,
            pytest.raises(SourceBroken, match="not followed") as caught,
        ):
            http.fetch(request(server, auth=auth))

        assert other.journal == []
        assert CANARY not in str(caught.value)


def test_redirect_within_origin():
    with upstream(Play(302, headers={"Location": "/moved?a=1"}), answer([7])) as server, client() as http:
        reply = http.fetch(request(server, auth={"type": "bearer", "value": KEY}))

        assert reply.body == b"[7]"
        assert server.journal[1].path == "/moved"
        assert server.journal[1].headers["Authorization"] == f"Bearer {CANARY}"


def test_redirects_end():
    with upstream(Play(302, headers={"Location": "/again"})) as server, client() as http:
        with pytest.raises(SourceBroken, match="more than 3 redirects"):
            http.fetch(request(server))

        assert len(server.journal) == 4


def test_post_is_not_turned_into_get():
    with upstream(Play(302, headers={"Location": "/again"})) as server, client() as http:
        with pytest.raises(SourceBroken, match="not followed"):
            http.fetch(request(server, method="POST", body={"a": 1}))

        assert len(server.journal) == 1


def test_environment_is_ignored(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with (
        upstream(answer([])) as server,
        Http(Quota("memory://"), longest_wait=1, stop=threading.Event(), allow_private=True) as http,
    ):
        assert http.fetch(request(server)).status == 200

        assert server.journal[0].headers["User-Agent"] == "kasparro"


REFERRED = {
    "header": {"headers": {"X-Tenant": Substituted(f"Key {CANARY}", "Key ${TENANT}")}},
    "param": {"params": {"q": Substituted(f"a-{CANARY}-b", "a-${Q:-}-b")}},
    "body": {"method": "POST", "body": {"deep": [{"k": Substituted(CANARY, "${K}")}]}},
}


@pytest.mark.parametrize("options", REFERRED.values(), ids=REFERRED.keys())
@pytest.mark.parametrize("echo", [{"q": CANARY}, {"q": [CANARY * 2]}])
def test_references_appear_nowhere(options, echo):
    with upstream(answer(echo, 400)) as server, client() as http, pytest.raises(SourceBroken) as caught:
        http.fetch(request(server, **options))

    assert "canary" not in str(caught.value)
    assert "***" in str(caught.value)


@pytest.mark.parametrize("body", [rb'{"k": "q\"\u00e9\\\/x"}', '{"k": "q\\"é\\\\/x"}'.encode()])
def test_masks_in_json(body):
    assert excerpt(body, {'q"é\\/x'}) == '{"k": "***"}'


def test_short_references_stay_readable():
    currency = {"currency": Substituted("usd", "${CURRENCY}")}

    assert Request(url="https://a.io/", params=currency).shown == "https://a.io/?currency=usd"
