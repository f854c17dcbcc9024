"""Pages are made ready ahead, and loaded two at a time: in order, whole, and none after one that failed."""

import gc
import threading
import weakref
from contextlib import suppress

import pytest

from ingest import ahead as ahead_module
from ingest.ahead import ahead
from ingest.in_turn import Behind, in_turn
from ingest.page import BYTES_A_RECORD, CSV, JSON, JSONL, Page


def page(body: bytes) -> Page:
    return Page(body, JSON, {}, None)


def pages(*bodies: bytes, then: BaseException | None = None, closed: threading.Event | None = None):
    """Pages of a source that may break at the end."""
    try:
        for body in bodies:
            yield page(body)
        if then is not None:
            raise then
    finally:
        if closed is not None:
            closed.set()


def body(page: Page) -> bytes:
    return page.body


def flat(batches) -> list[bytes]:
    return [each for batch in batches for each in batch]


def taken(source, **details) -> list[list[bytes]]:
    with ahead(source, body, **details) as ready:
        return list(ready)


def test_pages_keep_their_order():
    assert flat(taken(pages(b"1", b"2", b"3", b"4"))) == [b"1", b"2", b"3", b"4"]


def test_what_waits_is_taken_together():
    closed = threading.Event()

    with ahead(pages(b"1", b"2", b"3", closed=closed), body) as ready:
        assert closed.wait(10)
        assert next(ready) == [b"1", b"2", b"3"]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_pages_are_taken_than_asked_for(most):
    found = taken(pages(*(b"%d" % number for number in range(8))), most=most)

    assert flat(found) == [b"%d" % number for number in range(8)]
    assert max(map(len, found)) <= most


def test_no_more_bytes_are_taken_than_are_loaded_together(monkeypatch):
    """Unless one page alone has more."""
    monkeypatch.setattr(ahead_module, "LARGEST_TOGETHER", 4)

    found = taken(pages(b"1", b"22", b"333", b"4444", b"55555", b"6", b"7"))

    assert flat(found) == [b"1", b"22", b"333", b"4444", b"55555", b"6", b"7"]
    assert all(len(batch) == 1 or sum(map(len, batch)) <= 4 for batch in found)


@pytest.mark.parametrize(
    "short",
    [
        Page(b"a\nb\nc", CSV, {}, None),
        Page(b"a\rb\rc", CSV, {}, None),
        Page(b"1\n2\n3", JSONL, {}, None),
        Page(b"[1,2,3]", JSON, {}, None),
        Page(b"[1,2,3]", JSON, {}, None).holding(3),
    ],
)
def test_short_records_weigh_more_than_their_bytes(short, monkeypatch):
    """A megabyte of records of one letter is half a million rejects: they must not be held at once."""
    monkeypatch.setattr(ahead_module, "LARGEST_TOGETHER", 8 * BYTES_A_RECORD)
    monkeypatch.setattr(ahead_module._Window, "_is_worth_taking", lambda window: not window._has_room())

    with ahead((short for _ in range(6)), body, most=3) as ready:
        assert [next(ready), next(ready)] == [[short.body] * 2] * 2


def test_error_comes_after_the_pages_before_it():
    found = []

    with (
        pytest.raises(RuntimeError, match="gone"),
        ahead(pages(b"1", b"2", then=RuntimeError("gone")), body) as ready,
    ):
        found.extend(each for batch in ready for each in batch)

    assert found == [b"1", b"2"]


class Maker:
    """Something that makes bodies of pages, and whose end can be watched."""

    def __call__(self, page):
        return page.body


def test_nothing_is_held_after_an_error():
    """Nor waits for the garbage collector, which looks seldom."""

    def source():
        yield page(b"1")
        raise RuntimeError("gone")

    gc.disable()
    try:
        make = Maker()
        held = weakref.ref(make)
        with suppress(RuntimeError), ahead(source(), make) as ready:
            flat(ready)
        del make, ready
        assert held() is None
    finally:
        gc.enable()


def test_what_cannot_be_made_ready_stops_there():
    found = []

    def make(page):
        if page.body == b"bad":
            raise ValueError("bad page")
        return page.body

    with pytest.raises(ValueError, match="bad page"), ahead(pages(b"1", b"bad", b"3"), make) as ready:
        found.extend(each for batch in ready for each in batch)

    assert found == [b"1"]


def test_leaving_early_closes_the_source():
    closed = threading.Event()

    with ahead(pages(b"1", b"2", b"3", closed=closed), body) as ready:
        assert b"1" in next(ready)

    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "pages ahead"]


def test_large_pages_are_alone(monkeypatch):
    """Nothing else is in memory while one is made ready and loaded."""
    monkeypatch.setattr(ahead_module, "LARGE", 3)
    events = []

    def make(page):
        events.append(("made", page.body))
        return page.body

    with ahead(pages(b"1", b"large", b"3"), make) as ready:
        for batch in ready:
            events += [("loaded", body) for body in batch]

    assert events.index(("loaded", b"1")) < events.index(("made", b"large"))
    assert events.index(("loaded", b"large")) < events.index(("made", b"3"))


def never(page) -> bool:
    return False


def test_page_that_is_alone_has_none_beside_it():
    """Neither the one before nor the one after is loaded, and the source is not asked for more."""
    loading, beside, asked = set(), [], []

    def source():
        for number in range(6):
            asked.append((number, set(loading)))
            yield number

    def load(number, turn):
        loading.add(number)
        if number == 3:
            beside.append(set(loading))
        turn.wait()
        loading.discard(number)

    in_turn(load, source(), alone=lambda number: number == 3, full=never)

    assert beside == [{3}]
    assert asked[4] == (4, set())


def test_next_is_made_while_two_are_loaded():
    third_made, loaded = threading.Event(), []

    def source():
        yield from range(2)
        third_made.set()
        yield 2

    def load(number, turn):
        assert third_made.wait(10)
        turn.wait()
        loaded.append(number)

    in_turn(load, source(), alone=never, full=lambda number: True)

    assert loaded == [0, 1, 2]


def test_turns_are_taken_in_order():
    """Also when a later page is done with its first half before an earlier one."""
    second_began, committed = threading.Event(), []

    def load(number, turn):
        if number == 0:
            assert second_began.wait(10)
        else:
            second_began.set()
        turn.wait()
        committed.append(number)

    in_turn(load, range(6), alone=never, full=never)

    assert committed == list(range(6))


def test_none_is_committed_after_one_that_failed():
    third_began, behind, committed = threading.Event(), [], []

    def load(number, turn):
        if number == 1:
            assert third_began.wait(10)
            raise RuntimeError("page 1 is refused")
        if number == 2:
            third_began.set()
        try:
            turn.wait()
        except Behind:
            behind.append(number)
            raise
        committed.append(number)

    with pytest.raises(RuntimeError, match="page 1 is refused"):
        in_turn(load, range(5), alone=never, full=never)

    assert (committed, behind) == ([0], [2])


def test_first_failure_is_told():
    """A source that breaks while the page before is refused: the page's error is the run's."""

    def source():
        yield "page"
        raise RuntimeError("the source broke")

    def load(page, turn):
        turn.wait()
        raise ValueError("the page is refused")

    with pytest.raises(ValueError, match="the page is refused"):
        in_turn(load, source(), alone=never, full=never)
