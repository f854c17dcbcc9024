"""Real workers, killed and stopped in mid-run: every row exactly once, and nobody has to help."""

import os
import subprocess
import sys

import pytest
from sqlalchemy import text

from ingest import claims, runs
from ingest.db import engine
from ingest.heartbeat import connect
from ingest.lock import SourceLock
from ingest.settings import ROOT
from local.sandbox.coingecko import coin_id
from tasks.runs import MOST_IN_LINE, publish, publish_waiting, queue
from tasks.upkeep import reconcile, tick
from tests.tasks.system import one, wait_until

RUN = "SELECT * FROM runs WHERE id = :id"


def request() -> int:
    """Request a run of the source, as the API does, and publish it."""
    with engine().begin() as tx:
        requested = runs.request(tx, "coins", trigger="api", request_id="request-from-test")
    publish(requested.run_id, "coins")
    return requested.run_id


def ended(run_id):
    """The run's row once it has ended."""
    row = one(engine(), RUN, id=run_id)
    return row if row["finished_at"] else None


def first_page_loaded(run_id):
    """Whether the run is in the middle."""
    row = one(engine(), RUN, id=run_id)
    return row["state"] == "running" and row["pages"] >= 1


def expect_every_coin_once(box):
    """The items are the active coins of the world, each once."""
    with engine().connect() as connection:
        keys = list(connection.scalars(text("SELECT key FROM items")))
    assert sorted(keys) == sorted(coin_id(coin) for coin in box.world.active)


def slow_down(box):
    """Make the pages after the first take their time."""
    box.faults([{"do": "slow", "path": "/api/v3/coins", "nth": 2, "count": 1, "seconds": 3}])


def test_worker_executes_a_run(declare, running, box):
    declare()
    running.start("worker")

    run_id = request()

    row = wait_until(lambda: ended(run_id), what="the run")

    assert (row["state"], row["inserted"], row["attempts"]) == ("succeeded", 600, 1)
    assert "request-from-test" in running.log("worker")
    expect_every_coin_once(box)


@pytest.mark.parametrize("victim", ["child", "main"])
def test_killed_worker_is_replaced(declare, running, box, victim):
    """SIGKILL in mid-run: the lease ends, reconcile tells another, the checkpoint says where to go on."""
    declare()
    slow_down(box)
    running.start("worker", "control", "beat")
    run_id = request()
    wait_until(lambda: first_page_loaded(run_id), what="the first page")

    if victim == "child":
        running.kill_child("worker")
    else:
        running.kill("worker")
        running.start("second")

    row = wait_until(lambda: ended(run_id), what="the run after the kill")
    assert (row["state"], row["fetched"], row["inserted"]) == ("succeeded", 600, 600)
    assert (row["attempts"], row["lease_expiries"]) == (2, 1)
    expect_every_coin_once(box)


def test_stop_hands_the_run_back(declare, running, box):
    """SIGTERM: the page ends, the run goes back to the queue and costs no attempt, the worker exits."""
    declare()
    slow_down(box)
    running.start("worker")
    run_id = request()
    wait_until(lambda: first_page_loaded(run_id), what="the first page")

    running.stop("worker")

    row = one(engine(), RUN, id=run_id)
    assert (row["state"], row["attempts"]) == ("queued", 0)
    running.start("second")
    publish(run_id)
    row = wait_until(lambda: ended(run_id), what="the run after the stop")
    assert (row["state"], row["attempts"], row["inserted"]) == ("succeeded", 1, 600)


def test_doubled_messages_run_once(declare, running, box):
    declare()
    running.start("worker", "second")
    run_id = request()
    for _ in range(5):
        publish(run_id)

    row = wait_until(lambda: ended(run_id), what="the run")

    assert (row["attempts"], row["fence"], row["fetched"]) == (1, 1, 600)


def test_two_beats_make_one_run_a_slot(declare, running, box, tmp_path):
    """Doubled ticks, a late tick, and reconcile's own catching up: the slot is unique."""
    declare("every: 1d")
    running.start("worker", "control", "beat")
    wait_until(
        lambda: one(engine(), "SELECT count(*) AS n FROM runs WHERE slot IS NOT NULL")["n"], what="a run"
    )
    for _ in range(3):
        tick.run("coins")
        reconcile.run()

    assert one(engine(), "SELECT count(*) AS n FROM runs")["n"] == 1


def test_lost_message_costs_only_time(declare, running, box):
    """The run is committed, the message never sent: reconcile finds it."""
    declare()
    with engine().begin() as tx:
        requested = runs.request(tx, "coins", trigger="api")
    running.start("worker", "control", "beat")

    row = wait_until(lambda: ended(requested.run_id), what="the run")

    assert row["state"] == "succeeded"


def test_run_requested_while_the_last_one_leaves_waits_for_one_look(declare, redis_url, running):
    """The last run has ended in PostgreSQL and not given its lock up yet: its successor is told too early."""
    declare()
    with connect(redis_url) as broker:
        SourceLock(broker, "coins", seconds=60).acquire()
    run_id = request()

    running.start("worker")

    wait_until(lambda: one(engine(), RUN, id=run_id)["published_at"] is None, what="the worker's answer")
    with engine().begin() as tx:
        assert runs.to_publish(tx) == [(run_id, "coins")]


def test_run_whose_lock_outlives_its_lease_waits_for_one_look(declare, redis_url, running):
    """Its worker is gone, and the lease is over in PostgreSQL a moment before the lock is in Redis."""
    declare()
    with connect(redis_url) as broker:
        SourceLock(broker, "coins", seconds=60).acquire()
    with engine().begin() as tx:
        run_id = runs.request(tx, "coins", trigger="api").run_id
        claims.claim(tx, run_id, worker="gone", lease=0)
    publish(run_id)

    running.start("worker")

    wait_until(lambda: one(engine(), RUN, id=run_id)["published_at"] is None, what="the worker's answer")
    with engine().begin() as tx:
        assert runs.to_publish(tx) == [(run_id, "coins")]


def test_wake_ups_do_not_pile_up(declare, redis_url):
    """What waits behind long runs looks lost after five seconds; the line stays short all the same."""
    declare()
    with engine().begin() as tx:
        requested = runs.request(tx, "coins", trigger="api")

    for _ in range(MOST_IN_LINE + 20):
        with engine().begin() as tx:
            tx.execute(text("UPDATE runs SET published_at = now() - interval '1 minute'"))
        publish_waiting()

    with connect(redis_url) as broker:
        assert broker.llen(queue()) == MOST_IN_LINE
        broker.delete(queue())
        assert publish_waiting() == [requested.run_id]
        assert publish_waiting() == []


def test_redis_away_is_told(declare, running):
    """The publish says so instead of raising; when Redis is back, reconcile sends the run."""
    declare()
    with engine().begin() as tx:
        requested = runs.request(tx, "coins", trigger="api")
    # In a process of its own: Celery keeps its connections to the broker that it knew first.
    program = f"from tasks.runs import publish; print(publish({requested.run_id}))"
    env = {**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"}

    told = subprocess.run([sys.executable, "-c", program], env=env, cwd=ROOT, capture_output=True, text=True)

    assert told.stdout.splitlines()[-1] == "False"
    assert one(engine(), RUN, id=requested.run_id)["published_at"] is None
    running.start("worker", "control", "beat")
    row = wait_until(lambda: ended(requested.run_id), what="the run after Redis came back")
    assert row["state"] == "succeeded"
