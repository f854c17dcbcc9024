"""Whatever is committed first, in the end there is what one worker leaves that pulls part after part."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from sqlalchemy import text

from ingest import claims, store, traces
from ingest.batch import batch_of, make_ready
from ingest.company import Company
from ingest.known import Met
from tests.engine.pieces import divided, expire, finish_part, go_on, load, page_of, planned, take, undivided
from tests.engine.rows import THINGS, Script, declare, rows, run, things
from tests.tasks.system import wait_until

VERSIONED = replace(THINGS, name="versioned", newest_by="seen_at")


def thing(key, name, seen_at=None):
    return {"id": key, "name": name, "seen_at": seen_at}


def bad(key):
    """A record that is set aside: its name is missing."""
    return {"id": key, "name": None}


def stands(db, source):
    """The items and the rejects of the source, as far as they do not depend on the order of commits."""
    name, table = source.name, source.dataset.name
    items = rows(db, f"SELECT key, name, seen_at FROM {table} WHERE source = '{name}' ORDER BY key")
    rejects = rows(
        db, f"SELECT key, record, state FROM rejects WHERE source = '{name}' ORDER BY key, record, state"
    )
    return items, rejects


def begun_with(db, source, standing):
    """The source, declared, with what an earlier run has brought."""
    declare(db, source)
    if standing:
        run(db, replace(source, parts=None, pull=Script([standing]).pull))
    return source


def pull_in(db, source, pages, order):
    """Pull the parts at the same time: `order` names the part whose next page is committed next."""
    claim = planned(db, source, mode="full")
    held = {name: take(db, claim) for name in pages}
    for name in pages:
        if not pages[name]:
            finish_part(db, held[name])
    loaded, company = dict.fromkeys(pages, 0), {name: Company() for name in pages}
    for name in order:
        records, number = pages[name][loaded[name]], loaded[name] + 1
        load(db, source, held[name], records, number, company[name])
        loaded[name] += 1
        if loaded[name] == len(pages[name]):
            finish_part(db, held[name])
    assert go_on(db, source, claim) == "succeeded"


def orders(pages):
    """Every order of the commits."""
    return sorted(set(permutations([name for name in pages for _ in pages[name]])))


TWICE = {
    "the later part wins": ([], {"1": [[thing("k", "one")]], "2": [[thing("k", "two")]]}),
    "the later part brings what stood": (
        [thing("k", "old")],
        {"1": [[thing("k", "new")]], "2": [[thing("k", "old")]]},
    ),
    "three bring two versions": (
        [],
        {"1": [[thing("k", "a")]], "2": [[thing("k", "b")]], "3": [[thing("k", "a")]]},
    ),
    "the middle one brings what stood": (
        [thing("k", "a")],
        {"1": [[thing("k", "b")]], "2": [[thing("k", "a")]], "3": [[thing("k", "b")]]},
    ),
    "a good record settles a reject before it": ([], {"1": [[bad("k")]], "2": [[thing("k", "good")]]}),
    "one that stood already settles it too": (
        [thing("k", "good")],
        {"1": [[bad("k")]], "2": [[thing("k", "good")]]},
    ),
    "a reject after it stays open": ([], {"1": [[thing("k", "good")]], "2": [[bad("k")]]}),
    "the later reject is the one that is open": ([], {"1": [[bad("k")]], "2": [[bad("k")]]}),
    "records without a key settle each other": ([], {"1": [[bad(None)]], "2": [[bad(None)]]}),
}


@pytest.mark.parametrize("what", TWICE)
def test_every_order_ends_alike(engine, what):
    standing, pages = TWICE[what]
    expected = expected_of(engine, THINGS, standing, pages)

    for number, order in enumerate(orders(pages)):
        source = begun_with(engine, divided(pages, name=f"shop{number}"), standing)
        pull_in(engine, source, pages, order)
        assert stands(engine, source) == expected, order


@pytest.mark.parametrize("what", TWICE)
def test_what_was_left_outlives_a_takeover(engine, what):
    """All parts but the first are done when the run's workers die; who claims it then pulls the first."""
    standing, pages = TWICE[what]
    expected = expected_of(engine, THINGS, standing, pages)
    source = begun_with(engine, divided(pages), standing)
    claim = planned(engine, source, mode="full")
    _, *later = [take(engine, claim) for _ in pages]
    for held in later:
        load(engine, source, held, *pages[held.part.name])
        finish_part(engine, held)
    expire(engine, "runs", claim.run_id)
    expire(engine, "parts", claim.run_id)
    with engine.begin() as tx:
        again = claims.claim(tx, claim.run_id, worker="other", lease=30)

    assert go_on(engine, source, again) == "succeeded"
    assert stands(engine, source) == expected


def expected_of(engine, dataset, standing, pages):
    """What one worker leaves that pulls part after part."""
    source = begun_with(engine, undivided(pages, name="whole", dataset=dataset), standing)
    run(engine, source, mode="full")
    return stands(engine, source)


def any_record(chance):
    """One of few records, so that keys meet often."""
    if chance.random() < 0.2:
        return bad(chance.choice(["k", "l", None]))
    return thing(
        chance.choice("kl"),
        chance.choice("ab"),
        chance.choice([None, "2026-01-01T00:00Z", "2026-01-02T00:00Z"]),
    )


def any_pages(chance):
    """Some parts of some pages."""
    return {
        str(part): [
            [any_record(chance) for _ in range(chance.randrange(1, 4))] for _ in range(chance.randrange(3))
        ]
        for part in range(chance.randrange(2, 5))
    }


@pytest.mark.parametrize("dataset", [THINGS, VERSIONED], ids=["in order of pages", "newest by a field"])
@pytest.mark.parametrize("seed", range(15))
def test_any_order_ends_alike(engine, dataset, seed):
    chance = Random(seed)
    standing, pages = [any_record(chance) for _ in range(2)], any_pages(chance)
    expected = expected_of(engine, dataset, standing, pages)

    for number in range(4):
        order = [name for name in pages for _ in pages[name]]
        chance.shuffle(order)
        source = begun_with(engine, divided(pages, name=f"shop{number}", dataset=dataset), standing)
        pull_in(engine, source, pages, order)
        assert stands(engine, source) == expected, (standing, pages, order)


def test_unsettled_run_is_settled_by_the_next(engine):
    """A run was given up after an earlier part had overwritten what a later one had offered."""
    pages = {"1": [[thing("k", "new")]], "2": [[thing("k", "old")]], "3": [[]]}
    source = begun_with(engine, divided(pages), [thing("k", "old")])
    claim = planned(engine, source, mode="full")
    one, two = take(engine, claim), take(engine, claim)
    load(engine, source, two, pages["2"][0])
    load(engine, source, one, pages["1"][0])
    with engine.begin() as tx:
        claims.finish(tx, claim, "failed", kind="worker_died", message="of the test")
    assert things(engine)["k"][0] == "new"

    run(engine, replace(source, parts=None, pull=Script([]).pull))

    assert things(engine)["k"][0] == "old"
    assert rows(engine, "SELECT * FROM traces") == []


def test_settling_that_was_interrupted_is_finished(engine, monkeypatch):
    """Of two pages that are to be offered again, the worker dies after the first."""
    pages = {"1": [[thing("k", "new")]], "2": [[thing("k", "old")]], "3": [[thing("k", "new")]]}
    source = begun_with(engine, divided(pages), [thing("k", "old")])
    claim = planned(engine, source, mode="full")
    one, two, three = (take(engine, claim) for _ in pages)
    for held in (two, one, three):
        load(engine, source, held, pages[held.part.name][0])
    with engine.begin() as tx:
        claims.finish(tx, claim, "failed", kind="worker_died", message="of the test")
    after = replace(source, parts=None, pull=Script([]).pull)

    offer_again = traces._offer_again
    monkeypatch.setattr(traces, "_offer_again", dies_after(offer_again))
    with pytest.raises(KeyError, match="died"):
        run(engine, after)
    monkeypatch.setattr(traces, "_offer_again", offer_again)
    assert things(engine)["k"][0] == "old"
    run(engine, after)

    assert things(engine)["k"][0] == "new"


def dies_after(step):
    """The step, after which the worker dies."""

    def dying(*args):
        step(*args)
        raise KeyError("died")

    return dying


def waits_for_a_lock(engine):
    """Whether a session waits for another one's rows."""
    return rows(engine, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'")


def beside(engine, source, first, second) -> Iterator[None]:
    """Write a page of the first claim, and commit it when the page of the second waits for it."""
    place = next(store.places(engine, first[0]))
    batch = batch_of([make_ready(page_of(*first), source)], [place], source, Met())
    with engine.begin() as tx:
        claims.guard(tx, first[0])
        store.land(tx, first[0], batch)
        counts = store.load(tx, source, first[0], batch.landed, batch.good, [], batch.frame, Company())
        other = threading.Thread(target=load, args=(engine, source, *second))
        other.start()
        wait_until(lambda: waits_for_a_lock(engine), what="the other page to wait")
        claims.count(tx, first[0], counts, None)
    other.join(30)
    finish_part(engine, first[0])
    finish_part(engine, second[0])


@pytest.mark.parametrize("first", ["1", "2"])
def test_same_new_key_at_once(engine, first):
    """The unique key refuses the second one, which then finds the row standing: no reject comes of it."""
    pages = {
        "1": [[thing("k", "one"), thing("l", "one")]],
        "2": [[thing("j", "two"), thing("k", "two")]],
    }
    source = begun_with(engine, divided(pages), [])
    claim = planned(engine, source)
    held = {name: take(engine, claim) for name in pages}
    second = "2" if first == "1" else "1"

    beside(engine, source, (held[first], pages[first][0]), (held[second], pages[second][0]))
    outcome = go_on(engine, source, claim)

    assert outcome == "succeeded"
    assert {key: values[0] for key, values in things(engine).items()} == {"j": "two", "k": "two", "l": "one"}
    assert rows(engine, "SELECT * FROM rejects") == []


@pytest.mark.parametrize("first", ["1", "2"])
def test_same_standing_key_at_once(engine, first):
    pages = {"1": [[thing("k", "one")]], "2": [[thing("k", "two")]]}
    source = begun_with(engine, divided(pages), [thing("k", "old")])
    claim = planned(engine, source)
    held = {name: take(engine, claim) for name in pages}
    second = "2" if first == "1" else "1"

    beside(engine, source, (held[first], pages[first][0]), (held[second], pages[second][0]))
    go_on(engine, source, claim)

    assert things(engine)["k"][0] == "two"


def test_deadlock_is_tried_again(engine):
    """PostgreSQL ends one of two that wait in a circle: its part is begun again at its last page."""
    tries = []
    source = divided({"1": [[thing("a", "x")], [thing("b", "y")]]})
    declare(engine, source)
    with engine.begin() as tx:
        tx.execute(text("CREATE SEQUENCE tries"))
        tx.execute(
            text("""
            CREATE FUNCTION circle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF NEW.key = 'b' AND nextval('tries') = 1 THEN
                RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
              END IF;
              RETURN NEW; END $$""")
        )
        tx.execute(
            text("CREATE TRIGGER circle BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION circle()")
        )

    row = run(engine, source)

    assert (row["state"], row["attempts"], row["inserted"], tries) == ("succeeded", 1, 2, [])
    assert rows(engine, "SELECT attempts FROM parts") == [(1,)]
