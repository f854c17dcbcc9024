"""Every paginator: what it asks, where it resumes, and what it does not fall for."""

import json

import pytest
import structlog

from ingest.errors import SourceBroken
from ingest.references import Substituted
from tests.kinds.pulling import Api, ids
from tests.upstream import answer, upstream

THINGS = [{"id": str(number)} for number in range(7)]
NUMBERED = {"type": "page", "param": "page", "start": 1, "size_param": "per_page", "size": 3}
OFFSET = {"type": "offset", "param": "offset", "size_param": "limit", "size": 3}
CURSOR = {"type": "cursor", "path": "next", "param": "after"}
NEXT_URL = {"type": "next_url", "path": "links.next"}
LINK = {"type": "link"}


def numbered(asked):
    first = (int(asked.query["page"]) - 1) * 3
    return answer(THINGS[first : first + 3])


def by_offset(asked):
    first = int(asked.query["offset"])
    return answer(THINGS[first : first + min(3, int(asked.query["limit"]))])


def by_cursor(asked):
    first = int(asked.query.get("after", "c0")[1:])
    following = f"c{first + 3}" if first + 3 < len(THINGS) else None
    return answer({"data": THINGS[first : first + 3], "next": following})


def by_url(asked):
    first = int(asked.query.get("from", 0))
    following = f"?from={first + 3}&api_key=secret-123" if first + 3 < len(THINGS) else ""
    return answer({"data": THINGS[first : first + 3], "links": {"next": following}})


def by_link(asked):
    first = int(asked.query.get("from", 0))
    named = {"Link": f'</things?from={first + 3}>; rel="next", </things>; rel="first"'}
    return answer(THINGS[first : first + 3], **(named if first + 3 < len(THINGS) else {}))


WAYS = {
    "page": (NUMBERED, None, numbered),
    "offset": (OFFSET, None, by_offset),
    "cursor": (CURSOR, "data", by_cursor),
    "next_url": (NEXT_URL, "data", by_url),
    "link": (LINK, None, by_link),
}
ways = pytest.mark.parametrize(("paginate", "records", "step"), WAYS.values(), ids=WAYS.keys())


@ways
def test_reads_all(paginate, records, step):
    with upstream(step) as server:
        api = Api(server, paginate=paginate, records=records)
        pages = api.pages()

        assert ids(pages) == [thing["id"] for thing in THINGS]
        assert [page.request["page"] for page in pages] == [1, 2, 3]
        assert api.positions == {"": {}}
        assert ids(api.pages()) == ids(pages)


@ways
@pytest.mark.parametrize("cut", [1, 2])
def test_resumes(paginate, records, step, cut):
    with upstream(step) as server:
        api = Api(server, paginate=paginate, records=records)
        before = api.pages(most=cut)
        after = api.pages()

        assert ids(before + after) == [thing["id"] for thing in THINGS]
        assert len(server.journal) == 3
        assert [page.request["page"] for page in after] == [1, 2, 3][cut:]


def test_sends_size():
    with upstream(numbered) as server:
        api = Api(server, paginate=NUMBERED, params={"order": "id_asc"})
        api.pages()

        assert api.asked()[1] == {"order": "id_asc", "page": "2", "per_page": "3"}


def test_without_size_ends_empty():
    with upstream(numbered) as server:
        api = Api(server, paginate=NUMBERED | {"size": None, "size_param": None})

        assert len(ids(api.pages())) == 7
        assert len(server.journal) == 4


@pytest.mark.parametrize("paginate", [NUMBERED, OFFSET], ids=["page", "offset"])
def test_capped_size_loses_nothing(paginate):
    """The API sends pages of three whatever is asked for; none of them is taken for the last."""
    step = numbered if paginate is NUMBERED else by_offset
    with upstream(step) as server:
        api = Api(server, paginate=paginate | {"size": 500})

        assert len(ids(api.pages())) == 7
        assert len(server.journal) == 4


def test_full_last_page():
    with upstream(lambda asked: answer(THINGS[:6][int(asked.query["offset"]) :][:3])) as server:
        assert len(ids(Api(server, paginate=OFFSET).pages())) == 6


def test_post_pages_in_body():
    with upstream(answer({"data": THINGS[:3], "next": 12}), answer({"data": [], "next": None})) as server:
        Api(server, paginate=CURSOR, records="data", method="POST", body={"size": 3}).pages()

        assert [asked.body for asked in server.journal] == [b'{"size": 3}', b'{"size": 3, "after": 12}']


def test_saved_url_holds_no_secret():
    auth = {"type": "query", "name": "api_key", "value": "secret-123"}
    with upstream(by_url) as server:
        api = Api(server, paginate=NEXT_URL, records="data", auth=auth)
        api.pages(most=1)
        assert api.positions[""]["next"] == {"url": f"{server.url}/things?from=3"}
        api.pages()

        assert [asked["api_key"] for asked in api.asked()] == ["secret-123"] * 3


def test_other_paginator_begins_anew():
    with upstream(numbered, by_offset) as server:
        api = Api(server, paginate=NUMBERED)
        api.pages(most=1)
        api.options["paginate"] = OFFSET

        assert len(ids(api.pages())) == 7


def test_other_host_begins_anew():
    with upstream(by_link) as server, upstream(by_link) as moved:
        api = Api(server, paginate=LINK)
        api.pages(most=1)
        api.options["url"] = moved.url + "/things"

        assert len(ids(api.pages())) == 7


def fails(server, match, **options):
    api = Api(server, **options)
    with pytest.raises(SourceBroken, match=match) as caught:
        api.pages()
    assert caught.value.kind == "pagination"
    assert server.url in str(caught.value)
    return api


def test_same_page_again():
    with upstream(answer(THINGS[:3])) as server:
        api = fails(server, "page 2: .*same records", paginate=NUMBERED)

        assert api.positions[""]["next"] == {"page": 2, "full": True}
        assert len(server.journal) == 2


def test_cursor_stands_still():
    def stuck(asked):
        return answer({"data": [{"id": len(server.journal)}], "next": "same"})

    with upstream(stuck) as server:
        fails(server, "goes round", paginate=CURSOR, records="data")
        assert len(server.journal) == 2


def test_cursor_goes_round():
    def cycle(asked):
        return answer({"data": [{"id": len(server.journal)}], "next": f"c{len(server.journal) % 3}"})

    with upstream(cycle) as server:
        fails(server, "goes round", paginate=CURSOR, records="data")
        assert len(server.journal) == 4


@pytest.mark.parametrize("value", [{"a": 1}, ["x"], True, "a\x00b", "\ud800"])
def test_cursor_is_no_cursor(value):
    with upstream(answer({"data": [{"id": 1}], "next": value})) as server:
        fails(server, "cursor is a|cannot be kept", paginate=CURSOR, records="data")


@pytest.mark.parametrize("paginate", [LINK, {**NEXT_URL, "path": "next"}])
def test_secret_of_the_path_is_not_kept(paginate):
    """The next page's URL repeats it; the checkpoint, which anybody may read, has a mark in its place."""

    def page(asked):
        number = int(asked.query.get("page", "1"))
        following = f"{asked.path}?page={number + 1}" if number < 3 else None
        link = {"Link": f'<{following}>; rel="next"'} if following else {}
        return answer({"data": [{"id": number}], "next": following}, **link)

    with upstream(page) as server:
        url = Substituted(f"{server.url}/canary-in-path/things", f"{server.url}/${{TOKEN}}/things")
        api = Api(server, url=url, paginate=paginate, records="data")

        assert ids(api.pages(1)) == ["1"]
        assert "canary" not in json.dumps(api.positions)
        assert ids(api.pages()) == ["2", "3"]
        assert {asked.path for asked in server.journal} == {"/canary-in-path/things"}


def test_url_goes_round():
    following = {"Link": '</things?from=1>; rel="next"'}
    with upstream(lambda asked: answer([{"id": len(server.journal)}], **following)) as server:
        fails(server, "goes round", paginate=LINK)


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/x",
        "https://127.0.0.1/x",
        "//evil.example/x",
        "http://me@{host}/x",
        "file:///etc/passwd",
        {"a": 1},
    ],
)
def test_next_at_another_origin(target):
    def away(asked):
        at = target.format(host=server.url[7:]) if isinstance(target, str) else target
        return answer({"data": [{"id": 1}], "links": {"next": at}})

    with upstream(away) as server:
        fails(server, "another origin", paginate=NEXT_URL, records="data")
        assert len(server.journal) == 1


def test_too_many_pages():
    def endless(asked):
        return answer([{"id": f"{asked.query['page']}-{n}"} for n in range(3)])

    with upstream(endless) as server:
        fails(server, "page 6: .*max_pages = 5", paginate=NUMBERED, max_pages=5)
        assert len(server.journal) == 5


def test_nothing_but_empty_pages():
    with upstream(lambda asked: answer({"data": [], "next": f"c{len(server.journal)}"})) as server:
        fails(server, "11 empty pages", paginate=CURSOR, records="data")
        assert len(server.journal) == 11


def test_pages_before_stay():
    def breaks(asked):
        return by_cursor(asked) if len(server.journal) < 3 else answer({"data": THINGS[:1], "next": "c3"})

    with upstream(breaks) as server:
        api = fails(server, "goes round", paginate=CURSOR, records="data")

        assert api.positions[""]["next"] == {"cursor": "c6"}


STALE = [(400, "request"), (404, "not_found"), (410, "not_found")]


@pytest.mark.parametrize(("status", "kind"), STALE)
def test_stale_position_begins_anew(status, kind):
    def expired(asked):
        return answer({}, status) if asked.query.get("after") == "c3" and server.stale else by_cursor(asked)

    with upstream(expired) as server:
        server.stale = False
        api = Api(server, paginate=CURSOR, records="data")
        api.pages(most=1)
        server.stale = True
        with structlog.testing.capture_logs() as logs:
            (first, *_) = api.pages(most=1)

    assert ids([first]) == ["0", "1", "2"]
    assert first.request["page"] == 1
    assert [asked.get("after") for asked in api.asked()] == [None, "c3", None]
    assert [each["event"] for each in logs] == ["list begun anew"]


def test_stale_position_keeps_watermark():
    since = {"field": "at", "param": "after", "start": None, "lookback": 0.0, "format": "integer"}
    steps = [answer([{"at": 8}, {"at": 9}]), answer({}, 404), answer([{"at": 9}]), answer([])]
    with upstream(*steps) as server:
        api = Api(server, paginate=NUMBERED | {"size": 2}, since=since)
        api.positions[""] = {"watermark": 7}
        api.pages(most=1)
        api.pages()

    assert [(asked["page"], asked["after"]) for asked in api.asked()] == [
        ("1", "7"),
        ("2", "7"),
        ("1", "7"),
        ("2", "7"),
    ]
    assert api.positions == {"": {"watermark": 9}}


@pytest.mark.parametrize("status", [401, 500])
def test_other_failures_keep_position(status):
    with upstream(numbered, answer({}, status)) as server:
        api = Api(server, paginate=NUMBERED, retries=0)
        api.pages(most=1)
        with pytest.raises(SourceBroken):
            api.pages()

        assert len(server.journal) == 2
        assert api.positions[""]["next"]["page"] == 2


def test_new_list_that_fails_is_not_begun_again():
    with upstream(answer({}, 404)) as server:
        with pytest.raises(SourceBroken):
            Api(server, paginate=NUMBERED).pages()

        assert len(server.journal) == 1


def test_max_pages_counts_in_each_run():
    with upstream(numbered) as server:
        api = fails(server, "page 3: .*max_pages = 2", paginate=NUMBERED, max_pages=2)

        assert ids(api.pages()) == ["6"]


OTHERS = {
    "url": "/others",
    "params": {"q": "2"},
    "records": "@",
    "paginate": NUMBERED | {"size": 2},
    "since": {"field": "at", "param": "s", "start": "2026-01-01", "lookback": 0.0, "format": "iso"},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_options_begin_anew(name):
    with upstream(numbered) as server:
        api = Api(server, paginate=NUMBERED, params={"q": "1"})
        api.pages(most=1)
        api.options[name] = server.url + OTHERS[name] if name == "url" else OTHERS[name]
        (page,) = api.pages(most=1)

        assert page.request["page"] == 1


def test_position_holds_no_params():
    with upstream(numbered) as server:
        api = Api(server, paginate=NUMBERED, params={"q": "secret-123"})
        api.pages(most=1)

        assert "secret-123" not in str(api.positions)
        assert len(api.positions[""]["form"]) == 64


def test_page_before_a_bad_next_stays():
    def away(asked):
        return answer({"data": THINGS[:3], "links": {"next": "https://evil.example/" + "x" * 10_000}})

    with upstream(away) as server:
        api = Api(server, paginate=NEXT_URL, records="data")
        with pytest.raises(SourceBroken, match="another origin") as caught:
            api.pages()
        with pytest.raises(SourceBroken, match="another origin"):
            api.pages()

    assert api.positions[""]["next"] == {}
    assert api.positions[""]["page"] == 0
    assert len(str(caught.value)) < 1000
    assert api.asked() == [{}, {}]


def test_cursor_path_that_does_not_fit():
    with upstream(answer({"data": THINGS[:3]})) as server:
        fails(server, "does not fit", paginate=CURSOR | {"path": "join('', next)"}, records="data")


@pytest.mark.parametrize("name", ["api_key", "tenant"])
def test_secret_param_goes_with_every_page(name):
    def with_key(asked):
        first = int(asked.query.get("from", 0))
        following = f"?from={first + 3}&{name}=secret-123" if first + 3 < len(THINGS) else ""
        return answer({"data": THINGS[first : first + 3], "links": {"next": following}})

    with upstream(with_key) as server:
        api = Api(
            server, paginate=NEXT_URL, records="data", params={name: Substituted("secret-123", "${KEY}")}
        )
        api.pages(most=1)
        assert "secret-123" not in str(api.positions)
        api.pages()

        assert [asked[name] for asked in api.asked()] == ["secret-123"] * 3
        assert "secret-123" not in str(api.positions)


def test_long_cursor_is_cut():
    with upstream(answer({"data": THINGS[:3], "next": "c" * 30_000}), answer({}, 400)) as server:
        with pytest.raises(SourceBroken, match="status 400") as caught:
            Api(server, paginate=CURSOR, records="data").pages()

        assert len(str(caught.value)) < 1500
