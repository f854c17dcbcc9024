"""Pages that are loaded in one commit leave what they would leave one by one."""

import gc
import weakref
from dataclasses import replace
from random import Random

import orjson
import pytest
from sqlalchemy import text

from ingest import ahead, by_halves, pipeline, store
from ingest.batch import batch_of, make_ready
from ingest.decode import decode_together
from ingest.errors import SourceBroken
from ingest.in_turn import Turn
from ingest.known import Known, Met
from ingest.landed import Place
from ingest.packed import unpack
from ingest.page import JSON, Page
from ingest.pipeline import load_batch
from tests.engine.pieces import divided, go_on
from tests.engine.rows import THINGS, Script, begin, declare, rows, run, run_row, thing_source, things
from tests.kit.hooks import full

VERSIONED = replace(THINGS, name="versioned", newest_by="seen_at")
DAYS = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", None]


def page(number, records):
    return Page(orjson.dumps(records), JSON, {"page": number}, {"done": number})


def load(db, source, pages, together):
    """Load the pages in commits of so many; the claim of the run, which is not ended."""
    claim = begin(db, source, mode="full")
    places, met = store.places(db, claim), Met()
    with db.begin() as tx:
        known = Known(tx, source, claim)
    waiting = [make_ready(each, source) for each in pages]
    for many in together:
        taken, waiting = waiting[:many], waiting[many:]
        batch = batch_of(taken, [next(places) for _ in taken], source, met)
        load_batch(db, source, claim, known, batch, Turn())
    assert not waiting
    return claim


def stands(db, source):
    """What must not depend on how many pages are in a commit."""
    name, table = source.name, source.dataset.name
    rejects = f"""
        SELECT raw.sequence, r.raw_index, r.key, r.reason, r.record, r.state
          FROM rejects AS r JOIN raw_data AS raw ON raw.source = r.source AND raw.id = r.raw_id
         WHERE r.source = '{name}' ORDER BY r.run_id, raw.sequence, r.raw_index, r.reason
    """
    queries = (
        f"SELECT key, name, price, seen_at FROM {table} WHERE source = '{name}' ORDER BY key",
        rejects,
        f"SELECT part, sequence, records, size FROM raw_data WHERE source = '{name}' ORDER BY id",
        f"SELECT part, position FROM checkpoints WHERE source = '{name}'",
        f"SELECT pages, fetched, rejected, position_after FROM runs WHERE source = '{name}' ORDER BY id",
    )
    return [rows(db, query) for query in queries]


def provenance(db, source):
    """The items whose page does not hold them at their place."""
    query = f"""
        SELECT i.key, i.name, i.raw_index, raw.body, raw.size FROM {source.dataset.name} AS i
          JOIN raw_data AS raw ON raw.source = i.source AND raw.id = i.raw_id WHERE i.source = '{source.name}'
    """
    for key, name, index, body, size in rows(db, query):
        record = orjson.loads(unpack(bytes(body), size))[index]
        if (record["id"], record["name"]) != (key, name):
            yield key


def record(random):
    """A record of few keys: good, bad, or no record at all."""
    key = random.choice("abcdefgh")
    if random.random() < 0.1:
        return random.choice([None, 7, {"name": "no key"}, {"name": "none either", "price": "1"}])
    price = "bad" if random.random() < 0.25 else random.choice(["1", "2"])
    return {"id": key, "name": random.choice("xy"), "price": price, "seen_at": random.choice(DAYS)}


TOGETHER = [[1] * 6, [6], [2, 3, 1], [1, 5], [4, 2]]


@pytest.mark.parametrize("dataset", [THINGS, VERSIONED], ids=["in order of pages", "newest by a field"])
@pytest.mark.parametrize("seed", range(8))
def test_any_batches_end_alike(engine, dataset, seed, monkeypatch):
    """Also where some of the pages were decoded ahead and others are decoded together."""
    monkeypatch.setattr("ingest.batch.SMALL", 200)
    random = Random(seed)
    pages = [page(n, [record(random) for _ in range(random.randrange(7))]) for n in range(1, 7)]
    before = [{"id": key, "name": "old", "price": "9", "seen_at": DAYS[0]} for key in "abc"]
    left = []
    for number, together in enumerate(TOGETHER):
        source = replace(
            thing_source(Script([[*before, {"id": "d", "name": None}]]), name=f"s{number}", dataset=dataset),
            max_reject_percent=100,
        )
        declare(engine, source)
        run(engine, source)

        load(engine, source, pages, together)

        assert list(provenance(engine, source)) == []
        left.append(stands(engine, source))

    for other in left[1:]:
        assert other == left[0]


def test_page_that_is_refused_stops_behind_the_others(engine):
    """Those before it are loaded, each with its checkpoint, and none after it."""
    good = [[{"id": f"{page} {n}", "name": "thing"} for n in range(60)] for page in range(4)]
    bad = [{"id": f"bad {n}", "name": None} for n in range(150)]
    pages = [page(n, records) for n, records in enumerate([*good[:2], bad, *good[2:]], start=1)]
    source = thing_source(Script([]))
    declare(engine, source)

    with pytest.raises(SourceBroken, match="150 of the run's first 270 records are rejects"):
        load(engine, source, pages, [5])

    assert sorted(things(engine)) == sorted(each["id"] for records in good[:2] for each in records)
    assert rows(engine, "SELECT position FROM checkpoints") == [({"done": 2},)]
    assert rows(engine, "SELECT pages, fetched, rejected FROM runs") == [(2, 120, 0)]
    assert rows(engine, "SELECT count(*) FROM rejects") == [(0,)]


def test_row_that_postgres_refuses_is_set_aside_at_its_place(engine):
    source = thing_source(Script([]))
    declare(engine, source)
    with engine.begin() as tx:
        tx.execute(text("ALTER TABLE things ADD CHECK (name <> 'refused')"))

    names = [["fine", "fine"], ["fine", "refused", "fine"], ["fine"]]
    pages = [
        page(n, [{"id": f"{n} {row}", "name": name} for row, name in enumerate(each)])
        for n, each in enumerate(names, start=1)
    ]
    load(engine, source, pages, [3])

    query = """SELECT raw.sequence, r.raw_index, r.key, r.position FROM rejects AS r
                 JOIN raw_data AS raw ON raw.id = r.raw_id"""
    assert rows(engine, query) == [(1, 1, "2 1", "page 2, record 2")]
    assert len(things(engine)) == 5


def test_page_of_which_too_much_is_refused_stops_behind_the_others(engine, monkeypatch):
    """And it is told of by the numbers of its own records."""
    monkeypatch.setattr(by_halves, "MOST_REFUSED", 3)
    source = thing_source(Script([]))
    declare(engine, source)
    with engine.begin() as tx:
        tx.execute(text("ALTER TABLE things ADD CHECK (name <> 'refused')"))
    pages = [
        page(n, [{"id": f"{n} {row}", "name": name} for row in range(10)])
        for n, name in enumerate(["fine", "refused", "fine"], start=1)
    ]

    with pytest.raises(SourceBroken, match="more than 3 rows of one page; record 4 with"):
        load(engine, source, pages, [3])

    assert sorted(things(engine)) == [f"1 {row}" for row in range(10)]
    assert rows(engine, "SELECT position FROM checkpoints") == [({"done": 1},)]


def test_each_part_of_a_source_moves_its_checkpoint(engine):
    """And a page that is not to move it does not."""
    source = thing_source(Script([]))
    declare(engine, source)
    records = [{"id": "a", "name": "thing"}]
    first, second, third = (page(n, records).of_part(part) for n, part in ((1, "x"), (2, "x"), (3, "y")))

    claim = load(engine, source, [first, second, third, third.standing_at(None)], [4])

    standing = rows(engine, "SELECT part, position FROM checkpoints ORDER BY part")
    assert standing == [("x", {"done": 2}), ("y", {"done": 3})]
    row = run_row(engine, claim.run_id)
    assert (row["pages"], row["position_after"]) == (4, {"done": 3})


def test_records_are_found_by_their_numbers_in_the_batch(engine):
    source = thing_source(Script([]))
    bodies = [[{"id": "a"}, 7], [], [{"id": "b"}, {"id": "c"}]]
    pages = [page(n, body) for n, body in enumerate(bodies, start=1)]

    frame, starts = decode_together(pages, source)

    assert starts == [0, 2, 2]
    assert frame.index.to_list() == [0, 2, 3]
    assert [frame.numbered(number).values["id"] for number in frame.index] == ["a", "b", "c"]
    assert [(reject.index, reject.position) for reject in frame.rejects] == [(1, "page 1, record 2")]
    assert frame.records == 4


def test_page_is_let_go_of_at_once():
    """Whatever is wrong with its records: nothing waits for the garbage collector, which seldom looks."""
    source = thing_source(Script([]))
    gc.disable()
    try:
        ready = make_ready(page(1, [{"id": "a", "name": None}, {"id": "b", "name": "b"}]), source)
        held = weakref.ref(ready.page)
        batch = batch_of([ready], [Place(1, 0)], source, Met())
        assert len(batch.rejects) == 1
        del ready, batch
        assert held() is None
    finally:
        gc.enable()


def commits(db):
    """How many pages came with each commit, in order."""
    return rows(db, "SELECT count(*) FROM raw_shop GROUP BY xmin::text ORDER BY min(id)")


def test_pages_that_wait_share_a_commit(engine, monkeypatch):
    monkeypatch.setattr(pipeline, "MOST_TOGETHER", 2)
    monkeypatch.setattr(ahead._Window, "_is_worth_taking", full)
    source = thing_source(Script([[{"id": f"{n}", "name": "thing"}] for n in range(5)]))
    declare(engine, source)

    assert run(engine, source)["pages"] == 5

    assert commits(engine) == [(2,), (2,), (1,)]


def test_pages_of_a_part_do_not(engine, monkeypatch):
    """What such a page leaves for others is its own."""
    monkeypatch.setattr(ahead._Window, "_is_worth_taking", full)
    source = divided({"1": [[{"id": f"{n}", "name": "thing"}] for n in range(3)]})
    declare(engine, source)

    assert go_on(engine, source, begin(engine, source)) == "succeeded"

    assert commits(engine) == [(1,), (1,), (1,)]
