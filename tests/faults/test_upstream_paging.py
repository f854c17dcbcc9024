"""A list that goes round, overlaps, moves while it is read, answers differently, or forgets what it held."""

import random
import threading

import pytest

from ingest.errors import SourceBroken
from ingest.kinds.http_json import http_json
from ingest.kinds.paginators import MOST_EMPTY
from tests.faults.shop import thing, things
from tests.http.asking import client
from tests.kinds.pulling import Api, records
from tests.upstream import answer, upstream

CURSOR = {"type": "cursor", "path": "next", "param": "after"}
NUMBERED = {"type": "page", "param": "page", "start": 1, "size_param": None, "size": 3}
OFFSET = {"type": "offset", "param": "offset", "size_param": "limit", "size": 3}
SINCE = {"field": "at", "param": "since"}


def by_number(pages):
    """A list of pages, asked for by number."""
    return lambda asked: answer(pages[int(asked.query["page"]) - 1])


LOOPS = {
    "same cursor": (lambda number: "again", range(1, 2), 3),
    "cycle of three": (lambda number: f"c{number % 3}", range(1, 4), 5),
    "new cursors, nothing on them": (lambda number: f"c{number}", range(1, 2), MOST_EMPTY + 3),
    "new cursors for ever": (lambda number: f"c{number}", range(1, 1000), 20),
}


@pytest.mark.parametrize(("cursor", "full", "most"), LOOPS.values(), ids=LOOPS)
def test_loop_is_left(shop, cursor, full, most):
    """U9: after a bounded number of requests; the pages before stay."""

    def going_round(asked):
        number = len(server.journal)
        return answer({"data": [thing(number)] if number in full else [], "next": cursor(number)})

    with upstream(going_round) as server:
        row = shop.declare(server.url, paginate=CURSOR, records="data", max_pages=20).run()

        assert (row.state, row.error_kind) == ("failed", "pagination")
        assert len(server.journal) <= most
        assert shop.items().keys() == {str(number) for number in full if number <= len(server.journal)}


def test_cursor_from_nowhere_gives_nothing(shop):
    """U10: far ahead of all records; the run is good, and the list is begun anew by the next one."""
    steps = [answer({"data": things(0, 3), "next": 10**17}), answer({"data": [], "next": None})]
    with upstream(*steps, answer({"data": things(0, 4), "next": None})) as server:
        shop.declare(server.url, paginate=CURSOR, records="data")
        first, second = shop.run(), shop.run()

        assert (first.state, first.pages, first.inserted) == ("succeeded", 2, 3)
        assert (second.inserted, second.unchanged) == (1, 3)
        assert [asked.query for asked in server.journal] == [{}, {"after": str(10**17)}, {}]


def test_overlap_is_counted(shop):
    """U11: what comes twice is told as unchanged, and stands once."""
    pages = [things(0, 3), things(2, 5), things(4, 6)]
    with upstream(by_number(pages)) as server:
        row = shop.declare(server.url, paginate={"type": "page", "size": 3}).run()

    assert (row.fetched, row.inserted, row.unchanged) == (8, 6, 2)
    assert shop.items().keys() == {str(number) for number in range(6)}


def test_equal_times_across_pages(shop):
    """U13: 500 records of one moment, some of which appear only after the first run."""
    stock = [thing(number, at="2026-05-01T00:00:00Z") for number in range(500)]
    there = 290

    def changed_since(asked):
        first = (int(asked.query["page"]) - 1) * 100
        return answer(stock[:there][first : first + 100])

    with upstream(changed_since) as server:
        shop.declare(server.url, since=SINCE, paginate={"type": "page", "size": 100})
        first, there = shop.run(), 500
        second = shop.run()

        assert server.journal[-1].query["since"] == "2026-05-01T00:00:00Z"
    assert (first.inserted, second.inserted, second.unchanged) == (290, 210, 290)
    assert len(shop.items()) == 500


def test_same_page_answers_differently(shop):
    """U19: both replies are kept, the later one stands."""
    with upstream(answer([thing(1, price=1)]), answer([thing(1, price=2)])) as server:
        shop.declare(server.url)
        rows = [shop.run(), shop.run()]

    assert [(row.inserted, row.updated) for row in rows] == [(1, 0), (0, 1)]
    assert [b'"price": 1' in shop.raw()[0], b'"price": 2' in shop.raw()[1]] == [True, True]
    assert shop.items() == {"1": ("thing 1", 2)}


@pytest.mark.parametrize("mode", ["incremental", "full"])
@pytest.mark.parametrize("left", [0, 1], ids=["empty", "shrunken"])
def test_deletes_are_not_detected(shop, mode, left):
    """U20: a listing that is empty, or lost most of its records, takes nothing away."""
    with upstream(answer(things(0, 300)), answer(things(0, left))) as server:
        shop.declare(server.url)
        shop.run()
        row = shop.run(mode)

    assert (row.state, row.fetched) == ("succeeded", left)
    assert len(shop.items()) == 300
    assert shop.rows("SELECT count(*) FROM things WHERE deleted_at IS NOT NULL")[0][0] == 0


class Moving:
    """A list that changes after a reply, as a seed says: records appear anywhere, go away, get another price.

    `offered` holds every version of each record, `throughout` the records that were never away.
    """

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.stock = [thing(f"r{number}") for number in range(self.chance.randint(0, 8))]
        self.offered = {record["id"]: [record] for record in self.stock}
        self.throughout = set(self.offered)
        self.deletions, self.quiet = 0, False

    def __call__(self, asked):
        first = int(asked.query.get("offset", 0)) + 3 * (int(asked.query.get("page", 1)) - 1)
        reply = answer(self.stock[first : first + 3])
        for _ in range(0 if self.quiet else self.chance.randint(0, 2)):
            self.chance.choice([self.insert, self.delete, self.update])()
        return reply

    def insert(self):
        record = thing(f"new{len(self.offered)}")
        self.stock.insert(self.chance.randint(0, len(self.stock)), record)
        self.offered[record["id"]] = [record]

    def delete(self):
        if self.stock:
            gone = self.stock.pop(self.chance.randrange(len(self.stock)))
            self.throughout.discard(gone["id"])
            self.deletions += 1

    def update(self):
        if self.stock:
            at = self.chance.randrange(len(self.stock))
            self.stock[at] = {**self.stock[at], "price": self.stock[at]["price"] + 1}
            self.offered[self.stock[at]["id"]].append(self.stock[at])


def prices(pages):
    """What loading the pages in their order leaves: id to price."""
    return {record["id"]: int(record["price"]) for page in pages for record in records(page)}


def check(moving, after, later):
    """What holds of a list that moved under paging by number or offset, and after a run at rest."""
    for found in (after, later):
        assert found.keys() <= moving.offered.keys()
        assert all(price in [each["price"] for each in moving.offered[key]] for key, price in found.items())
    assert {record["id"]: record["price"] for record in moving.stock}.items() <= later.items()
    assert after.keys() <= later.keys()


@pytest.mark.parametrize("paginate", [NUMBERED, OFFSET], ids=["page", "offset"])
def test_moving_list_is_made_up_for(paginate):
    """U12, 1,000 schedules: nothing is made up, a deletion hides one record at most, a run at rest has all.

    So a list that only grows, wherever, loses nothing. A page that was pushed on as a whole looks like a
    list that goes round: that run fails and says so; the next goes on where it ended, then one begins anew.
    """
    missed = told = 0
    with upstream(answer([])) as server:
        for seed in range(500):
            moving = Moving(seed)
            server.steps[:] = [moving]
            api = Api(server, paginate=paginate)
            after, whole = prices_of_a_run(api)
            told += not whole
            if whole:
                missed += len(moving.throughout - after.keys())
                assert len(moving.throughout - after.keys()) <= moving.deletions
            moving.quiet = True
            check(moving, after, after | prices(api.pages()) | prices(api.pages()))

    assert missed > 20  # the schedules are hard enough to show what is not promised
    assert told < 10


def prices_of_a_run(api):
    """What a run leaves, and whether it came to its end."""
    found = []
    try:
        with client() as http:
            for page in http_json(http, api.positions, **api.options):
                found.append(page)
                api.positions[""] = page.position
    except SourceBroken:
        return prices(found), False
    return prices(found), True


class Crossing:
    """Page 2 is answered after page 3, and between them the list changes."""

    def __init__(self, change):
        self.stock, self.change = [thing(f"r{number}") for number in range(9)], change
        self.third = threading.Event()

    def __call__(self, asked):
        page = int(asked.query["page"])
        if page == 2 and not self.third.is_set():
            assert self.third.wait(10)
        reply = answer(self.stock[3 * page - 3 : 3 * page])
        if page == 3 and not self.third.is_set():
            self.change(self.stock)
            self.third.set()
        return reply


def grown(stock):
    """What stood at the end of page 2 stands at the head of page 3 now."""
    stock.insert(0, thing("new"))


def moved(stock):
    """The first record of page 3 has a new price, and moves to page 2."""
    stock.insert(3, {**stock.pop(6), "price": 5})


@pytest.mark.parametrize(("change", "missed"), [(grown, {"r5", "new"}), (moved, {"r5"})])
def test_crossing_replies_are_made_up_for(change, missed):
    """U12 with `ahead`: a list that only grows can hide a record too, and an older version can come last.

    The next run that reads the list at rest has all of it.
    """
    with upstream(Crossing(change)) as server:
        crossing = server.steps[0]
        api = Api(server, paginate=NUMBERED | {"ahead": 3})
        after = prices(api.pages())
        later = after | prices(api.pages())

    standing = {record["id"]: record["price"] for record in crossing.stock}
    assert standing.keys() - after.keys() == missed
    assert after["r6"] == 1
    assert later == standing


@pytest.mark.parametrize("seed", range(8))
def test_moving_list_in_the_database(shop, seed):
    """U12: the same of what stands after whole runs."""
    moving = Moving(seed)
    with upstream(moving) as server:
        shop.declare(server.url, paginate={"type": "offset", "size": 3}).run()
        after, moving.quiet = stands(shop), True
        shop.run()
        shop.run()

    check(moving, after, stands(shop))


def stands(shop):
    """What stands: key to price."""
    return {key: int(price) for key, (_, price) in shop.items().items()}
