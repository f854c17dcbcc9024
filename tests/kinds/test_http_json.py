"""What pages an API gives, and what it cannot make us believe."""

import pytest

from ingest.errors import SourceBroken, TryLater
from ingest.page import JSON
from tests.kinds.pulling import Api, ids
from tests.upstream import Play, answer, upstream


def test_page_is_the_reply():
    body = b'{"data": [{"id": 1.10}]}'
    with upstream(Play(200, body, {"Content-Type": "application/json; charset=utf-8"})) as server:
        api = Api(server, records="data", params={"api_key": "hidden123", "q": "a b"})
        (page,) = api.pages()

    assert page.body == body
    assert page.media_type == JSON
    assert page.request == {
        "method": "GET",
        "url": f"{server.url}/things?api_key=***&q=a+b",
        "status": 200,
        "page": 1,
        "records": "data",
    }
    assert page.document["data"][0]["id"] == "1.10"
    assert page.position == {}


CURSOR = {"type": "cursor", "param": "after", "path": "next"}


@pytest.mark.parametrize(
    ("records", "kept"), [("data", False), ("data[]", True)], ids=["can be parted", "has to be parsed"]
)
def test_page_holds_no_values_that_nobody_needs(records, kept):
    """They take many times the memory of its bytes, and it waits for others to be loaded with it."""
    with upstream(answer({"data": [{"id": "a"}], "next": None})) as server:
        (page,) = Api(server, records=records, paginate=CURSOR).pages()

    assert ("document" in vars(page), page.records) == (kept, 1)


def test_asks_as_declared():
    with upstream(answer([])) as server:
        api = Api(
            server,
            method="POST",
            headers={"X-Version": "2"},
            params={"q": "1"},
            body={"want": ["id"]},
            auth={"type": "bearer", "value": "token-1"},
        )
        api.pages()

    (asked,) = server.journal
    assert (asked.method, asked.query, asked.body) == ("POST", {"q": "1"}, b'{"want": ["id"]}')
    assert asked.headers["X-Version"] == "2"
    assert asked.headers["Authorization"] == "Bearer token-1"
    assert asked.headers["Accept"] == "application/json"


BAD = {
    "html": Play(200, b"<html>", {"Content-Type": "text/html"}),
    "html as json": Play(200, b"<html>", {"Content-Type": "application/json"}),
    "truncated": Play(200, b'[{"id": 1', {"Content-Type": "application/json"}),
    "empty": Play(200, b" ", {"Content-Type": "application/json"}),
    "json as text": Play(200, b"[]", {"Content-Type": "text/plain"}),
    "no content type": Play(200, b"[]"),
    "wrong charset": Play(200, b'["\xe9"]', {"Content-Type": "application/json"}),
    "not a list": answer({"id": 1}),
    "null": answer(None),
    "too deep": Play(200, b"[" * 100_000, {"Content-Type": "application/json"}),
}


@pytest.mark.parametrize("step", BAD.values(), ids=BAD.keys())
def test_bad_reply_is_retried(step):
    with upstream(step, answer([{"id": 1}])) as server:
        assert ids(Api(server).pages()) == ["1"]


@pytest.mark.parametrize("step", BAD.values(), ids=BAD.keys())
def test_bad_reply_fails(step):
    with upstream(step) as server, pytest.raises(SourceBroken, match="status 200") as caught:
        Api(server).pages()

    assert caught.value.kind == "reply"
    assert f"{server.url}/things" in str(caught.value)


def test_records_are_missing():
    with (
        upstream(answer({"data": {"items": 3}})) as server,
        pytest.raises(SourceBroken, match=r"holds a Number at data\.items"),
    ):
        Api(server, records="data.items").pages()


@pytest.mark.parametrize("content_type", ["application/json", "text/json", "application/vnd.api+json; v=1"])
def test_json_has_many_names(content_type):
    with upstream(Play(200, b'\xef\xbb\xbf[{"id": "\xc3\xa9"}]', {"Content-Type": content_type})) as server:
        assert ids(Api(server).pages()) == ["é"]


def test_failure_keeps_pages():
    full = [{"id": n} for n in range(2)]
    paginate = {"type": "page", "param": "page", "start": 1, "size": 2, "size_param": None}
    with upstream(answer(full), BAD["html"], BAD["html"], answer([{"id": 7}])) as server:
        api = Api(server, paginate=paginate)
        with pytest.raises(SourceBroken, match="page=2"):
            api.pages()
        assert api.positions[""]["next"] == {"page": 2, "full": True}

        assert ids(api.pages()) == ["7"]
        assert api.positions == {"": {}}


def test_long_pause_is_put_back():
    with upstream(answer({}, 429, Retry_After="60")) as server, pytest.raises(TryLater):
        Api(server).pages()


def test_says_nothing_of_values():
    key = 'canary"\\/5f2c'
    hostile = "x" * 100_000 + "\x00\ud800" + key
    options = {"auth": {"type": "bearer", "value": key}, "records": "join('', @)", "retries": 0}
    with upstream(answer({"data": hostile, "key": key})) as server, pytest.raises(SourceBroken) as caught:
        Api(server, **options).pages()

    said = str(caught.value)
    assert "the reply does not fit records: join('', @): JMESPathTypeError" in said
    assert "canary" not in said
    assert said.isprintable()
    assert len(said) < 700


def test_content_type_is_cut():
    step = Play(200, b"[]", {"Content-Type": "text/secret-123" + "x" * 5000})
    auth = {"type": "bearer", "value": "secret-123"}
    with upstream(step) as server, pytest.raises(SourceBroken, match="content type") as caught:
        Api(server, auth=auth).pages()

    assert "secret-123" not in str(caught.value)
    assert len(str(caught.value)) < 600
