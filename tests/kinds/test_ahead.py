"""Pages that are asked for ahead: everything is as it is one by one, only sooner."""

import threading
import time
from collections import Counter
from random import Random

import pytest

from ingest.errors import SourceBroken, Stopped, TryLater
from ingest.http.quota import Quota
from ingest.kinds.http_json import http_json
from tests.http.asking import client
from tests.kinds.pulling import Api, ids
from tests.upstream import Play, answer, upstream

THINGS = [{"id": str(number)} for number in range(29)]
NUMBERED = {"type": "page", "param": "page", "start": 1, "size_param": "per_page", "size": 3}
OFFSET = {"type": "offset", "param": "offset", "size_param": "limit", "size": 3}
AHEAD = 4
both = pytest.mark.parametrize("paginate", [NUMBERED, OFFSET], ids=["page", "offset"])
PATIENCE = 10


def number(asked):
    """The page that is asked for, from 1."""
    return int(asked.query["page"]) if "page" in asked.query else int(asked.query["offset"]) // 3 + 1


def listed(asked):
    first = (number(asked) - 1) * 3
    return answer(THINGS[first : first + 3])


class Shuffled:
    """Replies once all that may be asked for at the same time is asked for, in an order of chance."""

    def __init__(self, seed, step=listed):
        self.chance, self.step = Random(seed), step
        self.asked, self.answered = set(), {1}
        self.changed = threading.Condition()

    def __call__(self, asked):
        page = number(asked)
        with self.changed:
            self.asked.add(page)
            self._answer()
            told = self.changed.wait_for(lambda: page in self.answered, PATIENCE)
        # Behind the end nobody may be waiting any more.
        return self.step(asked) if told else Play(503)

    def _answer(self):
        while (window := self._window()) <= self.asked:
            self.answered.add(self.chance.choice(sorted(window - self.answered)))
            self.changed.notify_all()

    def _window(self):
        head = next(page for page in range(1, 99) if page not in self.answered)
        return set(range(head, head + AHEAD))


def seen(pages):
    """What the pipeline gets to see of pages."""
    return [(page.body, page.request["page"], page.position.get("next")) for page in pages]


def one_by_one(step, paginate):
    """What is seen without `ahead`."""
    with upstream(step) as server:
        return seen(Api(server, paginate=paginate).pages())


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


@both
@pytest.mark.parametrize("seed", range(5))
def test_order_is_kept(paginate, seed):
    """The upstream answers in any order it likes; that four are asked for at once is what it waits for."""
    with upstream(Shuffled(seed)) as server:
        api = Api(server, paginate=paginate | {"ahead": AHEAD})
        pages = api.pages()

    assert seen(pages) == one_by_one(listed, paginate)
    assert api.positions == {"": {}}
    assert server.connections <= AHEAD
    assert threads() == []


@both
@pytest.mark.parametrize("cut", range(1, 10))
def test_resumes_at_any_page(paginate, cut):
    with upstream(listed) as server:
        api = Api(server, paginate=paginate | {"ahead": AHEAD})
        pages = api.pages(most=cut) + api.pages()

    assert seen(pages) == one_by_one(listed, paginate)


def test_goes_on_with_another_number():
    """How many are asked for at once may be changed in the middle of a list."""
    with upstream(listed) as server:
        api = Api(server, paginate=NUMBERED)
        before = api.pages(most=3)
        api.options["paginate"] = NUMBERED | {"ahead": AHEAD}

        assert ids(before + api.pages()) == [thing["id"] for thing in THINGS]


def lengths(*many):
    """A list that an upstream gives in pages of these lengths, by offset."""
    begin = dict(zip([sum(many[:place]) for place in range(len(many))], many, strict=True))

    def step(asked):
        first = int(asked.query["offset"])
        return answer(THINGS[first : first + begin.get(first, 3)][: sum(many) - first])

    return step


@pytest.mark.parametrize(
    "many", [(2, 3, 3, 3, 1), (3, 3, 5, 3, 3, 3, 2), (2, 2, 2, 2), (5, 5, 3, 3, 4, 3, 0), (3, 3, 3, 1)]
)
def test_offsets_that_were_wrong(many):
    """What was asked for at the wrong place is not seen; the list goes on at the right one."""
    with upstream(lengths(*many)) as server:
        pages = Api(server, paginate=OFFSET | {"ahead": AHEAD}).pages()

    assert seen(pages) == one_by_one(lengths(*many), OFFSET)
    assert ids(pages) == [thing["id"] for thing in THINGS[: sum(many)]]


def test_never_full_is_asked_one_by_one():
    """An upstream that caps the size: no offset can be foreseen, and none is asked for in vain."""
    with upstream(lambda asked: answer(THINGS[int(asked.query["offset"]) :][:3])) as server:
        api = Api(server, paginate=OFFSET | {"size": 500, "ahead": AHEAD})

        assert ids(api.pages()) == [thing["id"] for thing in THINGS]
        assert [int(query["offset"]) for query in api.asked()] == [*range(0, 29, 3), 29]


def test_one_page_is_asked_once():
    with upstream(answer(THINGS[:2])) as server:
        Api(server, paginate=OFFSET | {"ahead": AHEAD}).pages(most=1)

        assert len(server.journal) == 1


@both
@pytest.mark.parametrize("behind", [400, 404, 416, 500, 503, 401])
def test_end_is_no_error(paginate, behind):
    """Behind the last page the upstream refuses; that is not looked at, and not asked for again."""

    def step(asked):
        return listed(asked) if number(asked) <= 10 else answer({}, behind)

    with upstream(Shuffled(1, step)) as server:
        api = Api(server, paginate=paginate | {"ahead": AHEAD})

        assert ids(api.pages()) == [thing["id"] for thing in THINGS]
        times = Counter(map(number, server.journal))
        assert set(times.values()) == {1}
        assert max(times) <= 10 + AHEAD - 1


def outcome(step, **options):
    """The pages, the positions and the error of a run."""
    pages = []
    with upstream(step) as server, client() as http:
        with pytest.raises(SourceBroken) as caught:
            pages.extend(http_json(http, {}, **Api(server, **options).options))
        message = str(caught.value).replace(server.url, "")
    return seen(pages), caught.value.kind, message


@both
@pytest.mark.parametrize(
    "bad",
    [answer({}, 404), answer({}, 401), answer({}, 500), Play(200, b"<html>"), answer(THINGS[9:12])],
    ids=["404", "401", "500", "html", "the page before"],
)
def test_error_in_the_middle(paginate, bad):
    """The pages before it come, then the same error as one by one."""

    def step(asked):
        return bad if number(asked) == 5 else listed(asked)

    found = outcome(step, paginate=paginate | {"ahead": AHEAD})

    assert found == outcome(step, paginate=paginate)
    assert len(found[0]) == 4
    assert threads() == []


@both
def test_too_many_pages(paginate):
    """What is ahead counts as well: never more than max_pages are asked for."""
    with upstream(listed) as server:
        with pytest.raises(SourceBroken, match="max_pages = 6"):
            Api(server, paginate=paginate | {"ahead": AHEAD}, max_pages=6).pages()

        assert sorted(map(number, server.journal)) == [1, 2, 3, 4, 5, 6]


@both
def test_hiccup_in_the_middle(paginate):
    """A page that fails before its turn is asked for again in its turn."""
    times = Counter()

    def step(asked):
        times[number(asked)] += 1
        return answer({}, 500) if number(asked) in (3, 5) and times[number(asked)] == 1 else listed(asked)

    with upstream(step) as server:
        pages = Api(server, paginate=paginate | {"ahead": AHEAD}, retries=0).pages()

    assert seen(pages) == one_by_one(listed, paginate)
    assert times[3] == times[5] == 2


class Telling(Quota):
    """A quota that tells of the first pause."""

    def __init__(self):
        super().__init__("memory://")
        self.told = threading.Event()

    def pause(self, host, seconds):
        super().pause(host, seconds)
        self.told.set()


def test_429_pauses_all():
    """Page 4 is refused while others are on their way; until its time is over nobody asks anything."""
    quota, arrived, times = Telling(), [], Counter()
    window = threading.Barrier(AHEAD)

    def step(asked):
        page = number(asked)
        times[page] += 1
        arrived.append((page, time.monotonic()))
        if times[page] == 1 and 2 <= page < 2 + AHEAD:
            window.wait(PATIENCE)
            if page == 4:
                return answer({}, 429, Retry_After="0.4")
            assert quota.told.wait(PATIENCE)
        return listed(asked)

    with upstream(step) as server, client(quota) as http:
        options = Api(server, paginate=NUMBERED | {"ahead": AHEAD}).options
        pages = list(http_json(http, {}, **options))

    assert ids(pages) == [thing["id"] for thing in THINGS]
    before, after = arrived[: 1 + AHEAD], arrived[1 + AHEAD :]
    assert sorted(page for page, _ in before) == [1, 2, 3, 4, 5]
    assert min(at for _, at in after) - max(at for _, at in before) >= 0.39


def test_quota_holds():
    """All of them share it; whoever finds no token puts the run back."""
    with upstream(listed) as server, client() as http:
        api = Api(server, paginate=NUMBERED | {"ahead": 8}, rate="6/hour")
        with pytest.raises(TryLater, match="quota"):
            list(http_json(http, {}, **api.options))

        assert len(server.journal) == 6
        assert max(Counter(map(number, server.journal)).values()) == 1


class Stuck:
    """Answers the first two pages, and nothing once four more are asked for."""

    def __init__(self):
        self.asked, self.all = Counter(), threading.Event()

    def __call__(self, asked):
        self.asked[number(asked)] += 1
        if len(self.asked) >= 2 + AHEAD - 1:
            self.all.set()
        return listed(asked) if number(asked) <= 2 else Play(silent=True)


def test_close_breaks_off():
    """Nobody waits for replies that nobody wants any more."""
    stuck = Stuck()
    with upstream(stuck) as server:
        api = Api(server, paginate=NUMBERED | {"ahead": AHEAD})
        with client() as http:
            pages = http_json(http, {}, **api.options)
            assert ids([next(pages), next(pages)]) == ["0", "1", "2", "3", "4", "5"]
            assert stuck.all.wait(PATIENCE)
            assert 0 < len(threads()) <= AHEAD
            began = time.monotonic()
            pages.close()

        assert time.monotonic() - began < 2
        assert threads() == []


def test_stop_breaks_off():
    stuck, stop = Stuck(), threading.Event()
    with upstream(stuck) as server:
        api = Api(server, paginate=NUMBERED | {"ahead": AHEAD})
        with client(stop=stop) as http:
            pages = http_json(http, {}, **api.options)
            taken = [next(pages), next(pages)]
            assert stuck.all.wait(PATIENCE)
            began = time.monotonic()
            stop.set()
            with pytest.raises(Stopped):
                next(pages)

        assert time.monotonic() - began < 2
        assert threads() == []
        assert taken[-1].position["next"] == {"page": 3, "full": True}


def test_stop_while_waiting_for_a_token():
    """All of them wait for the quota; all of them stop."""
    stop = threading.Event()

    def step(asked):
        if number(asked) > 1:
            threading.Timer(0.1, stop.set).start()
        return listed(asked)

    with upstream(step) as server:
        api = Api(server, paginate=NUMBERED | {"ahead": AHEAD}, rate="2/minute")
        with client(stop=stop, longest_wait=100) as http:
            began = time.monotonic()
            with pytest.raises(Stopped):
                list(http_json(http, {}, **api.options))

    assert time.monotonic() - began < 3
    assert threads() == []


def wide(asked):
    """Pages whose records are 1,000 bytes each; those of page 4 thrice as many."""
    first = (number(asked) - 1) * 3
    wider = 3000 if number(asked) == 4 else 1000
    return answer([thing | {"note": "x" * wider} for thing in THINGS[first : first + 3]])


def test_large_pages_are_not_held():
    """Where one page takes more than a quarter of max_body none is asked for ahead."""
    with upstream(wide) as server:
        api = Api(server, paginate=NUMBERED | {"ahead": AHEAD, "start": 5}, max_body=5000)

        assert len(ids(api.pages())) == 17
        assert [number(asked) for asked in server.journal] == [5, 6, 7, 8, 9, 10]


def test_page_beyond_its_share_waits_for_its_turn():
    """It would fit alone, but not beside the others; then there is room for fewer."""
    with upstream(wide) as server:
        api = Api(server, paginate=NUMBERED | {"ahead": AHEAD}, max_body=20_000)
        pages = api.pages()

        assert ids(pages) == [thing["id"] for thing in THINGS]
        times = Counter(map(number, server.journal))
        assert times[4] == 2
        # What was on its way with it makes room for it.
        assert [page for page in times if times[page] > 1 and page not in (4, 5, 6)] == []
