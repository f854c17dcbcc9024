"""Runs that are divided: planned once, pulled by many, fenced twice, ended by the last."""

from threading import Event

import pytest
from sqlalchemy import text

from ingest import claims, parts, runs
from ingest.errors import LeaseLost, PartLost, SourceBroken, Stopped, TryLater
from ingest.pullers import Crew
from tests.engine.pieces import divided, expire, finish_part, go_on, join, load, parts_of, planned, take
from tests.engine.rows import begin, counts, declare, rows, run, run_row, things

A, B, C = ({"id": key, "name": f"thing {key}"} for key in "abc")


@pytest.fixture
def shop(engine):
    """A source of three parts with a page each."""
    source = divided({"one": [[A]], "two": [[B]], "three": [[C]]})
    declare(engine, source)
    return source


def test_one_worker_pulls_all_parts(engine, shop):
    row = run(engine, shop)

    assert (row["state"], row["parts"], row["parts_done"], row["pages"]) == ("succeeded", 3, 3, 3)
    assert counts(row) == {"fetched": 3, "inserted": 3}
    assert parts_of(engine, row["id"]) == [("one", "done", 1), ("two", "done", 1), ("three", "done", 1)]
    assert rows(engine, "SELECT * FROM traces") == []


def test_others_are_woken_once_it_is_planned(engine, shop):
    woken = []
    claim = begin(engine, shop)

    go_on(engine, shop, claim, Crew(wake=lambda *told: woken.append((*told, parts_of(engine, claim.run_id)))))

    assert [told[:3] for told in woken] == [(claim.run_id, "shop", 2)]
    assert len(woken[0][3]) == 3


def test_two_workers_share_a_run(engine, shop):
    """The second takes what the first has not; whoever leaves last ends the run."""
    claim = planned(engine, shop)
    first = take(engine, claim)

    second = go_on(engine, shop, join(engine, claim.run_id))
    load(engine, shop, first, [A])
    finish_part(engine, first)
    outcome = go_on(engine, shop, claim)

    assert (second, outcome) == ("left", "succeeded")
    assert set(things(engine)) == {"a", "b", "c"}
    assert run_row(engine, claim.run_id)["parts_done"] == 3


def test_plan_is_made_once(engine, shop):
    """A worker that dies after planning leaves a plan that the next one finds."""
    claim = planned(engine, shop)
    finish_part(engine, take(engine, claim))
    expire(engine, "runs", claim.run_id)

    with engine.begin() as tx:
        again = claims.claim(tx, claim.run_id, worker="other", lease=30)
    outcome = go_on(engine, shop, again)

    assert outcome == "succeeded"
    assert [part[1:] for part in parts_of(engine, claim.run_id)] == [("done", 1)] * 3
    assert set(things(engine)) == {"b", "c"}


def test_part_that_was_taken_over_writes_nothing(engine, shop):
    """The fence of the run is still its own; the token of the part is not."""
    claim = planned(engine, shop)
    zombie = take(engine, claim)
    expire(engine, "parts", claim.run_id)
    heir = take(engine, claim)

    with pytest.raises(PartLost):
        load(engine, shop, zombie, [A])
    for ending in (parts.done, lambda tx, held: parts.fail(tx, held, kind="x", message="x")):
        with pytest.raises(PartLost), engine.begin() as tx:
            ending(tx, zombie)
    with engine.begin() as tx:
        parts.put_back(tx, zombie)

    assert heir.part.number == zombie.part.number
    assert parts_of(engine, claim.run_id)[0] == ("one", "running", 2)
    assert things(engine) == {}


def test_run_that_was_taken_over_writes_nothing(engine, shop):
    claim = planned(engine, shop)
    zombie = take(engine, claim)
    expire(engine, "runs", claim.run_id)
    with engine.begin() as tx:
        claims.claim(tx, claim.run_id, worker="other", lease=30)

    with pytest.raises(LeaseLost):
        load(engine, shop, zombie, [A])

    assert things(engine) == {}


def test_page_holds_its_part(engine, shop):
    """While a page is on its way its part can be renewed, but not taken over."""
    claim = planned(engine, shop)
    held = take(engine, claim)

    with engine.begin() as tx:
        claims.guard(tx, held)
        expire(engine, "parts", claim.run_id)
        other = take(engine, claim)
        with engine.begin() as renewing:
            claims.renew(renewing, held, lease=30)

    assert other.part.name == "two"


def test_checkpoint_of_a_part_is_its_own(engine):
    source = divided({"one": [[A], [B]], "two": [[C], Stopped("the worker is stopping")]})
    declare(engine, source)

    row = run(engine, source)

    found = rows(engine, "SELECT part, position FROM checkpoints ORDER BY part")
    assert found == [("one", {"done": 2}), ("two", {"done": 1})]
    assert row["state"] == "queued"


def test_stop_hands_the_part_back(engine):
    """A deploy costs no attempt, of the part nor of the run."""
    source = divided({"one": [[A], Stopped("the worker is stopping")], "two": [[B]]})
    declare(engine, source)

    row = run(engine, source)

    assert (row["state"], row["attempts"]) == ("queued", 0)
    assert parts_of(engine, row["id"]) == [("one", "new", 0), ("two", "new", 0)]


def test_stop_of_one_leaves_the_run_to_the_others(engine, shop):
    claim = planned(engine, shop)
    take(engine, claim)

    outcome = go_on(engine, shop, join(engine, claim.run_id), stopping=lambda: True)

    assert outcome == "left"
    assert run_row(engine, claim.run_id)["state"] == "running"


def test_part_that_waits_lets_the_others_go_on(engine):
    """The run waits as long as its part, and says for what."""
    source = divided({"one": [[A], TryLater("429 for long", seconds=60)], "two": [[B]]})
    declare(engine, source)

    row = run(engine, source)

    assert (row["state"], row["error_message"], row["attempts"]) == ("queued", "429 for long", 0)
    waits = rows(engine, f"SELECT not_before > now() + interval '50 s' FROM runs WHERE id = {row['id']}")
    assert waits == [(True,)]
    assert parts_of(engine, row["id"]) == [("one", "new", 0), ("two", "done", 1)]


def test_broken_part_fails_the_run_at_its_end(engine):
    source = divided({"one": [[A], SourceBroken("401", kind="auth")], "two": [[B]], "three": [[C]]})
    declare(engine, source)

    row = run(engine, source)

    assert (row["state"], row["error_kind"], row["error_message"]) == ("failed", "auth", "part one: 401")
    assert set(things(engine)) == {"a", "b", "c"}


def test_poisoned_part_is_named(engine, shop):
    """What kills every worker fails alone; the run tells its name when the others have ended."""
    claim = planned(engine, shop)
    for _ in range(3):
        assert take(engine, claim, most_attempts=3).part.name == "one"
        expire(engine, "parts", claim.run_id)

    outcome = go_on(engine, shop, claim, Crew(most_attempts=3))

    row = run_row(engine, claim.run_id)
    assert (outcome, row["error_kind"], row["parts_done"]) == ("failed", "worker_died", 2)
    assert row["error_message"].startswith("part one: its worker died 3 times")


def test_death_in_a_part_counts_for_the_part(engine, shop):
    """A hundred parts may meet bad luck: the run goes on as long as each gets through in the end."""
    claim = planned(engine, shop)
    for _ in range(4):
        take(engine, claim)
        expire(engine, "runs", claim.run_id)
        with engine.begin() as tx:
            assert runs.fail_poisoned(tx, max_attempts=1) == []
            claim = claims.claim(tx, claim.run_id, worker="next", lease=30, most_attempts=1)

    assert run_row(engine, claim.run_id)["attempts"] == 1
    assert parts_of(engine, claim.run_id)[0] == ("one", "new", 4)


def test_death_between_parts_counts_for_the_run(engine, shop):
    claim = planned(engine, shop)
    expire(engine, "runs", claim.run_id)

    with engine.begin() as tx:
        assert runs.fail_poisoned(tx, max_attempts=1) == [claim.run_id]


def test_cancel_stops_all(engine, shop):
    """Each stops at the end of its page, and the last one ends the run."""
    claim = planned(engine, shop)
    last = take(engine, claim)
    with engine.begin() as tx:
        runs.cancel(tx, claim.run_id)

    first = cancelled_worker(engine, shop, join(engine, claim.run_id))
    still = run_row(engine, claim.run_id)["state"]
    with engine.begin() as tx:
        parts.put_back(tx, last)
    second = cancelled_worker(engine, shop, claim)

    assert (first, still, second) == ("left", "running", "cancelled")
    assert run_row(engine, claim.run_id)["state"] == "cancelled"


def cancelled_worker(engine, source, claim):
    """What a worker does that has seen that the run is to be cancelled."""
    from ingest.carry_out import carry_out
    from ingest.lease import Lease

    lease = Lease(engine, claim, None, seconds=30, every=0)
    lease._renew()
    return carry_out(engine, source, claim, None, lease)


def test_missing_pullers_are_seen(engine, shop):
    """A wake-up was lost, or a puller is dead: there are parts to be had, and too few who pull."""
    claim = planned(engine, shop)
    with engine.begin() as tx:
        assert parts.short_of_pullers(tx) == []
        tx.execute(text("UPDATE runs SET published_at = now() - interval '6 seconds'"))
    take(engine, claim)

    with engine.begin() as tx:
        found = parts.short_of_pullers(tx)
        again = parts.short_of_pullers(tx)

    assert (found, again) == ([(claim.run_id, "shop", 2)], [])


def test_nothing_is_missing_while_all_are_pulled(engine, shop):
    claim = planned(engine, shop)
    for _ in range(3):
        take(engine, claim)
    with engine.begin() as tx:
        tx.execute(text("UPDATE runs SET published_at = NULL"))
        assert parts.short_of_pullers(tx) == []


def test_undivided_run_is_not_joined(engine, shop):
    claim = begin(engine, shop)

    with engine.begin() as tx:
        assert claims.join(tx, claim.run_id) is None


def test_no_parts_is_a_run_that_succeeds(engine):
    source = divided({})
    declare(engine, source)

    assert run(engine, source)["state"] == "succeeded"


def test_full_run_reads_parts_anew(engine, shop):
    run(engine, shop)

    row = run(engine, shop, mode="full")

    assert counts(row) == {"fetched": 3, "unchanged": 3}
    assert counts(run(engine, shop)) == {}


def test_ids_are_in_the_order_of_the_plan(engine, shop):
    """Of a later run all ids are later, and of a later part, whoever comes first."""
    other = divided({"x": [[A]]}, name="other")
    declare(engine, other)
    before = run(engine, other)
    claim = planned(engine, shop)
    one, two = take(engine, claim), take(engine, claim)
    between = run(engine, other, mode="full")
    load(engine, shop, two, [B])
    load(engine, shop, one, [A])
    after = run(engine, shop_again(engine, shop, claim), mode="full")

    of_run = dict(rows(engine, "SELECT run_id, max(id) FROM raw_data GROUP BY run_id"))
    ids = rows(engine, f"SELECT part FROM raw_data WHERE run_id = {claim.run_id} ORDER BY id")
    assert of_run[before["id"]] < of_run[claim.run_id] < of_run[after["id"]]
    assert of_run[before["id"]] < of_run[between["id"]]
    assert ids == [("one",), ("two",), ("three",)]


def shop_again(engine, shop, claim):
    """The shop, with its run ended."""
    go_on(engine, shop, claim)
    with engine.begin() as tx:
        tx.execute(text("UPDATE parts SET lease_until = now() - interval '1 s' WHERE state = 'running'"))
    go_on(engine, shop, claim)
    return shop


def test_planning_that_is_rolled_back_is_no_harm(engine, shop):
    claim = begin(engine, shop)
    with engine.connect() as tx:
        parts.plan(tx, claim, shop.parts.plan({}, None), pullers=2)
        tx.rollback()

    assert go_on(engine, shop, claim) == "succeeded"
    assert len(rows(engine, "SELECT DISTINCT id FROM raw_data")) == 3


def test_part_has_room_for_its_pages(engine, shop):
    """A part that would run into the ids of the next one fails instead."""
    claim = planned(engine, shop)
    with engine.begin() as tx:
        tx.execute(text("UPDATE parts SET pages = 1048576 WHERE name = 'one'"))

    outcome = go_on(engine, shop, claim)

    assert outcome == "failed"
    assert run_row(engine, claim.run_id)["error_kind"] == "parts"


def test_lost_part_is_left_and_the_next_taken(engine):
    """A puller that finds its part taken by another goes on with what is left."""
    taken = Event()

    def steal(engine, claim):
        expire(engine, "parts", claim.run_id)
        take(engine, claim)
        taken.set()

    source = divided({"one": [[A]], "two": [[B]]})
    declare(engine, source)
    claim = planned(engine, source)
    pull = source.parts.pull

    def stealing(piece, http, positions):
        if piece.name == "one" and not taken.is_set():
            steal(engine, claim)
        yield from pull(piece, http, positions)

    object.__setattr__(source.parts, "pull", stealing)

    outcome = go_on(engine, source, claim)

    assert outcome == "left"
    assert [part[:2] for part in parts_of(engine, claim.run_id)] == [("one", "running"), ("two", "done")]
    assert set(things(engine)) == {"b"}
