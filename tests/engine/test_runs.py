"""Runs: one a source, one a slot, fenced, taken over, handed back, ended once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ingest import claims, runs, upkeep
from ingest.db import new_engine
from ingest.errors import LeaseLost, SourceBroken, Stopped, TryLater
from ingest.execute import carry_out
from ingest.heartbeat import connect
from ingest.lease import Lease
from ingest.lock import SourceLock
from tests.engine.rows import Script, begin, counts, declare, rows, run, run_row, thing_source, things

THING = {"id": "a", "name": "thing"}


@pytest.fixture
def shop(engine):
    """A source with one page, declared."""
    source = thing_source(Script([[THING]]))
    declare(engine, source)
    return source


def expire(engine, run_id):
    """Let the lease of a run be over."""
    with engine.begin() as tx:
        tx.execute(
            text("UPDATE runs SET lease_until = now() - interval '1 minute' WHERE id = :id"), {"id": run_id}
        )


def test_twenty_requests_make_one_run(engine, shop):
    def ask(_):
        with engine.begin() as tx:
            return runs.request(tx, "shop", trigger="api")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(20)))

    assert sum(answer.created for answer in answers) == 1
    assert len({answer.run_id for answer in answers}) == 1


def test_claim_is_exclusive(engine, shop):
    claim = begin(engine, shop)

    with engine.begin() as tx:
        assert claims.claim(tx, claim.run_id, worker="other", lease=30) is None


def test_stale_fence_writes_nothing(engine, shop):
    """A worker that was paused past its lease finds the source at another fence."""
    zombie = begin(engine, shop)
    expire(engine, zombie.run_id)
    with engine.begin() as tx:
        successor = claims.claim(tx, zombie.run_id, worker="other", lease=30)

    with Lease(engine, zombie, None, seconds=30, every=8) as lease:
        outcome = carry_out(engine, shop, zombie, None, lease)

    assert outcome == "lost"
    assert things(engine) == {}
    assert (successor.fence, successor.attempts) == (zombie.fence + 1, 2)
    row = run_row(engine, zombie.run_id)
    assert (row["state"], row["fetched"], row["lease_expiries"]) == ("running", 0, 1)


def test_ended_run_takes_no_more_pages(engine, shop):
    """The state guards as well: a run that reconcile ended takes nothing under its old fence."""
    claim = begin(engine, shop)
    with engine.begin() as tx:
        tx.execute(
            text("UPDATE runs SET state = 'failed', finished_at = now() WHERE id = :id"), {"id": claim.run_id}
        )

    with Lease(engine, claim, None, seconds=30, every=8) as lease:
        assert carry_out(engine, shop, claim, None, lease) == "lost"

    assert things(engine) == {}


def test_whoever_lost_a_run_changes_nothing_of_it(engine, shop):
    """Each of the doors is shut by itself, for not every way leads through two of them."""
    zombie = begin(engine, shop)
    expire(engine, zombie.run_id)
    with engine.begin() as tx:
        claims.claim(tx, zombie.run_id, worker="heir", lease=30)
    before = run_row(engine, zombie.run_id)

    for change in (
        lambda tx: claims.guard(tx, zombie),
        lambda tx: claims.renew(tx, zombie, lease=30),
        lambda tx: claims.count(tx, zombie, dict.fromkeys(claims.COUNTERS, 1), None),
        lambda tx: claims.finish(tx, zombie, "failed"),
    ):
        with pytest.raises(LeaseLost), engine.begin() as tx:
            change(tx)
    with engine.begin() as tx:
        claims.started(tx, zombie, {"": {"done": 1}})
        assert claims.hand_back(tx, zombie) is None

    assert run_row(engine, zombie.run_id) == before


def test_takeover_goes_on_from_checkpoint(engine, page_by_page):
    pages = 8
    script = Script([[{"id": f"thing {number}", "name": "thing"}] for number in range(pages)])
    source = thing_source(script)
    declare(engine, source)
    first = begin(engine, source)
    with Lease(engine, first, None, seconds=30, every=8, stopping=lambda: bool(things(engine))) as lease:
        assert carry_out(engine, source, first, None, lease) == "put back"

    row = run(engine, source)

    assert row["id"] == first.run_id
    assert (row["state"], row["attempts"]) == ("succeeded", 1)
    assert counts(row) == {"fetched": pages, "inserted": pages}
    began, again = script.began
    assert began == {}
    assert 1 <= again[""]["done"] < pages


def test_full_run_begins_at_the_beginning(engine, shop, page_by_page):
    """Whatever the checkpoint says; cut short, it goes on from what it has written itself."""
    pages = [[{"id": f"thing {number}", "name": "thing"}] for number in range(8)]
    script = Script([*pages, SourceBroken("gone", kind="network")])
    source = thing_source(script)
    run(engine, source)
    assert run(engine, source)["mode"] == "incremental"
    assert script.began == [{}, {"": {"done": 8}}]

    claim = begin(engine, source, mode="full")
    with Lease(engine, claim, None, seconds=30, every=8, stopping=lambda: counted(engine, claim)) as lease:
        assert carry_out(engine, source, claim, None, lease) == "put back"
    run(engine, source)

    _, _, at_first, later = script.began
    assert at_first == {}
    assert 1 <= later[""]["done"] < 8


def counted(engine, claim):
    """Whether the run has loaded a page."""
    return run_row(engine, claim.run_id)["pages"] > 0


def test_waiting_costs_no_attempt(engine, shop):
    source = thing_source(Script([TryLater("the upstream asks for 90 s", seconds=90)]))

    row = run(engine, source)

    assert (row["state"], row["attempts"], row["error_message"]) == (
        "queued",
        0,
        "the upstream asks for 90 s",
    )
    assert timedelta(seconds=60) < row["not_before"] - datetime.now(UTC) <= timedelta(seconds=91)
    with engine.begin() as tx:
        assert claims.claim(tx, row["id"], worker="eager", lease=30) is None
        assert runs.to_publish(tx) == []


def test_broken_source_says_why(engine, shop):
    source = thing_source(Script([[THING], SourceBroken("the upstream answered 401", kind="auth")]))

    row = run(engine, source)

    assert (row["state"], row["error_kind"], row["error_message"]) == (
        "failed",
        "auth",
        "the upstream answered 401",
    )
    assert list(things(engine)) == ["a"]


def test_exit_hands_the_run_back(engine, shop):
    """Celery's soft shutdown raises SystemExit inside the task."""
    source = thing_source(Script([[THING], SystemExit(-241)]))
    claim = begin(engine, source)

    with pytest.raises(SystemExit), Lease(engine, claim, None, seconds=30, every=8) as lease:
        carry_out(engine, source, claim, None, lease)

    row = run_row(engine, claim.run_id)
    assert (row["state"], row["attempts"], row["lease_until"]) == ("queued", 0, None)


def test_cancel_of_queued_run(engine, shop):
    with engine.begin() as tx:
        requested = runs.request(tx, "shop", trigger="api")
        assert runs.cancel(tx, requested.run_id) == "cancelled"
        assert runs.cancel(tx, 999_999) is None


def test_cancel_of_running_run(engine):
    source = thing_source(Script([[THING], Stopped("interrupted while waiting")]))
    declare(engine, source)
    claim = begin(engine, source)
    with engine.begin() as tx:
        assert runs.cancel(tx, claim.run_id) == "running"

    lease = Lease(engine, claim, None, seconds=30, every=0.01)
    with lease:
        lease.interrupted.wait(5)
        carry_out(engine, source, claim, None, lease)

    assert run_row(engine, claim.run_id)["state"] == "cancelled"


def test_cancel_is_seen_by_the_next_commit(engine, shop):
    """Long before the lease is renewed: no page is loaded once somebody has cancelled."""
    claim = begin(engine, shop)
    with engine.begin() as tx:
        runs.cancel(tx, claim.run_id)

    ended = carry_out(engine, shop, claim, None, Lease(engine, claim, None, seconds=30, every=30))

    row = run_row(engine, claim.run_id)
    assert (ended, row["state"], row["pages"]) == ("cancelled", "cancelled", 0)


def test_run_ends_once(engine, shop):
    claim = begin(engine, shop)
    with engine.begin() as tx:
        claims.finish(tx, claim, "succeeded")

    with pytest.raises(LeaseLost), engine.begin() as tx:
        claims.finish(tx, claim, "failed")


def test_poisoned_run_stops(engine, shop):
    claim = begin(engine, shop)
    for _ in range(2):
        expire(engine, claim.run_id)
        with engine.begin() as tx:
            claims.claim(tx, claim.run_id, worker="doomed", lease=30)
    expire(engine, claim.run_id)

    assert upkeep.fail_poisoned(engine, max_attempts=3) == [claim.run_id]

    row = run_row(engine, claim.run_id)
    assert (row["state"], row["error_kind"], row["attempts"]) == ("failed", "worker_died", 3)
    assert "kasparro run SOURCE" in row["error_message"]


def test_lost_message_is_sent_again(engine, shop):
    with engine.begin() as tx:
        requested = runs.request(tx, "shop", trigger="api")
        assert runs.to_publish(tx) == [(requested.run_id, "shop")]
        assert runs.to_publish(tx) == []
        tx.execute(text("UPDATE runs SET published_at = now() - interval '6 seconds'"))
        assert runs.to_publish(tx) == [(requested.run_id, "shop")]


def test_abandoned_run_is_sent_again(engine, shop):
    claim = begin(engine, shop)
    with engine.begin() as tx:
        assert runs.to_publish(tx) == []
    expire(engine, claim.run_id)
    with engine.begin() as tx:
        assert runs.to_publish(tx) == [(claim.run_id, "shop")]


def test_frozen_worker_lets_go_of_its_rows(engine, shop):
    """Stopped in the middle of a page it holds the run and the source, which nobody could take over."""
    frozen = begin(engine, shop)
    with engine.connect() as tx:
        claims.guard(tx, frozen)
        expire(engine, frozen.run_id)

        assert upkeep.end_abandoned_sessions(engine) == [frozen.run_id]
        assert upkeep.end_abandoned_sessions(engine) == []

        with engine.begin() as other:
            assert claims.claim(other, frozen.run_id, worker="heir", lease=30).fence == frozen.fence + 1
        with pytest.raises(OperationalError):
            claims.count(tx, frozen, dict.fromkeys(claims.COUNTERS, 0), None)


def test_worker_that_holds_its_lease_is_left_alone(engine, shop):
    claim = begin(engine, shop)
    with engine.begin() as tx:
        claims.guard(tx, claim)

        assert upkeep.end_abandoned_sessions(engine) == []


def test_slot_has_one_run(engine):
    source = thing_source(Script([[THING]]))

    hourly = replace(source, every=timedelta(hours=1))
    declare(engine, hourly)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    first = upkeep.request_due(engine, [hourly], hour + timedelta(seconds=7))
    run(engine, hourly)
    late = upkeep.request_due(engine, [hourly], hour + timedelta(minutes=59))
    after_a_day = upkeep.request_due(engine, [hourly], hour + timedelta(days=1, minutes=3))

    assert len(first) == 1
    assert late == []
    assert len(after_a_day) == 1
    assert rows(engine, "SELECT slot FROM runs ORDER BY id") == [
        (hour,),
        (hour + timedelta(days=1),),
    ]


def test_fresh_run_satisfies_a_slot(engine):
    """What was just fetched on request need not be fetched again for a slot that has passed."""
    daily = replace(thing_source(Script([[THING]])), every=timedelta(days=1))
    declare(engine, daily)
    run(engine, daily)

    assert upkeep.request_due(engine, [daily], datetime.now(UTC)) == []


def test_paused_source_is_not_scheduled(engine):

    source = replace(thing_source(Script([])), cron="*/5 * * * *")
    declare(engine, source)
    with engine.begin() as tx:
        tx.execute(text("UPDATE sources SET enabled = false"))

    assert upkeep.request_due(engine, [source], datetime.now(UTC)) == []


def test_lock_of_another_loses_the_lease(engine, shop, redis_url):
    """Redis forgot the lock and another worker has it now: this one stops."""

    client = connect(redis_url)
    ours, theirs = SourceLock(client, "shop", seconds=30), SourceLock(client, "shop", seconds=30)
    assert ours.acquire()
    assert not theirs.acquire()
    assert ours.renew()

    client.flushall()
    assert ours.renew()

    client.flushall()
    assert theirs.acquire()
    assert not ours.renew()
    ours.release()
    assert not SourceLock(client, "shop", seconds=30).acquire()


def test_promised_cancel_is_kept(engine, shop):
    """A run that was to be cancelled is not put back into the queue by a deploy."""
    claim = begin(engine, shop)
    with engine.begin() as tx:
        runs.cancel(tx, claim.run_id)
        assert claims.hand_back(tx, claim) == "cancelled"

    assert run_row(engine, claim.run_id)["finished_at"] is not None


def test_message_of_an_upstream_fits(engine, shop):
    """NUL and half a surrogate pair in what an upstream sent do not keep the run from ending."""
    source = thing_source(Script([SourceBroken("it said \x00 and \ud800 " + "x" * 100_000, kind="reply")]))

    row = run(engine, source)

    assert (row["state"], len(row["error_message"]) <= 4100) == ("failed", True)
    assert "\N{SYMBOL FOR NULL} and \\ud800" in row["error_message"]


def test_held_lock_puts_back_and_counts(engine, shop):
    """PostgreSQL answers but refuses: the run waits, and not for ever."""
    source = thing_source(Script([[THING]]))
    claim = begin(engine, source)
    with engine.connect() as other, other.begin():
        other.execute(text("LOCK TABLE things IN ACCESS EXCLUSIVE MODE"))
        quick = new_engine(engine.url.render_as_string(hide_password=False), limits="-c lock_timeout=100ms")
        with Lease(engine, claim, None, seconds=30, every=8) as lease:
            assert carry_out(quick, source, claim, None, lease) == "put back"
        quick.dispose()

    row = run_row(engine, claim.run_id)
    assert (row["state"], row["attempts"], "LockNotAvailable" in row["error_message"]) == ("queued", 1, True)


def test_refused_storage_ends(engine, shop):
    """A run that PostgreSQL refused to store as often as allowed has failed, with what it said."""
    claim = begin(engine, shop)
    with engine.begin() as tx:
        claims.hand_back(tx, claim, why="PostgreSQL: DiskFull", counted=True)
        assert claims.claim(tx, claim.run_id, worker="next", lease=30, most_attempts=1) is None

    assert upkeep.fail_poisoned(engine, max_attempts=1) == [claim.run_id]
    row = run_row(engine, claim.run_id)
    assert (row["error_kind"], row["error_message"]) == ("storage", "PostgreSQL: DiskFull")


def test_known_source_gets_its_partition(engine):
    """A source whose row is there but whose raw table is missing is mended by whoever asks for a run."""
    source = thing_source(Script([[THING]]))
    declare(engine, source)
    with engine.begin() as tx:
        tx.execute(text("DROP TABLE raw_shop"))

    declare(engine, source)

    assert run(engine, source)["state"] == "succeeded"


def test_lock_of_another_does_not_end_a_run(engine, shop, redis_url):
    """The fence decides: a stray wake-up that holds the lock for a moment costs nothing."""
    client = connect(redis_url)
    ours = SourceLock(client, "shop", seconds=30)
    ours.acquire()
    claim = begin(engine, shop)
    client.flushall()
    SourceLock(client, "shop", seconds=30).acquire()

    with Lease(engine, claim, ours, seconds=30, every=0.01) as lease:
        lease.interrupted.wait(0.2)
        lease.check()
        assert carry_out(engine, shop, claim, None, lease) == "succeeded"


def test_renewal_counts_from_when_it_was_asked_for(engine, shop):
    """One that waits for the row, while its worker is given up, must not keep the run from others."""
    claim = begin(engine, shop)

    with engine.begin() as tx:
        claims.renew(tx, claim, lease=100)
        [until] = tx.execute(text("SELECT lease_until - now() FROM runs"))
        claims.renew(tx, claim, lease=1)
        [after] = tx.execute(text("SELECT lease_until - now() FROM runs"))

    assert until[0] == timedelta(seconds=100)
    assert after == until
