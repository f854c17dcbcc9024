"""R1 to R10: Redis away, full, slow, forgetful, poisoned, or with another password."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from ingest.settings import ROOT
from tests.faults import api
from tests.faults.holding import Held
from tests.faults.hostile import messages
from tests.kit import checker, hooks
from tests.kit.fleet import fleet, wait_until
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage

ONE = Shelf("one", "page")
LEASE, RECONCILE = 2.0, 0.5
LOCK = "kasparro:lock:one"


@pytest.fixture(scope="module")
def place():
    with stage([ONE], lease=LEASE, MAX_ATTEMPTS="3") as made:
        yield made


@pytest.fixture(scope="module")
def processes(place):
    with fleet(place.folder / "logs", workers=1, concurrency=2) as made:
        yield made


@pytest.fixture(autouse=True)
def unhurried(place):
    """Whatever a test held back goes on."""
    yield
    place.shop.between = lambda shelf: None


def in_the_middle(place: Stage) -> tuple[int, Held]:
    """A run that waits for its second page."""
    held = Held(place, ONE)
    run_id = place.request(ONE.name, mode="full", wake=False)
    wait_until(held.waiting, seconds=60, what="the middle of the run")
    return run_id, held


def expect_success(place: Stage, run_id: int, *, attempts: int = 1):
    """The run succeeds, and nothing is lost or doubled; its row."""
    row = place.wait([run_id])[run_id]
    assert (row.state, row.attempts, row.error_message) == ("succeeded", attempts, None)
    assert checker.violations(place.db, place.shop) == []
    return row


def test_redis_dies_in_the_middle(place, processes):
    """R2: the run goes back to the queue, costs no attempt, and goes on at its checkpoint."""
    run_id, held = in_the_middle(place)
    server = place.servers.redis

    server.child.stop(signal.SIGKILL, 10)
    held.over.set()
    why = wait_until(lambda: place.states([run_id])[run_id].error_message, seconds=30, what="the run to wait")
    server.start()

    assert "Redis is away" in why
    row = place.wait([run_id])[run_id]
    assert (row.state, row.attempts, row.lease_expiries) == ("succeeded", 1, 0)
    assert checker.violations(place.db, place.shop) == []


def test_full_redis_costs_only_time(place, processes):
    """R4: nothing can be put into it; the request is accepted, and reconcile sends the run later."""
    place.broker.config_set("maxmemory", "1")
    try:
        status, reply = api.ask("POST", "/run-etl", {"source": ONE.name})
        [run] = reply["runs"]
        waiting = place.states([run["run_id"]])[run["run_id"]].state
    finally:
        place.broker.config_set("maxmemory", "0")

    assert (status, run["created"], run["dispatched"], waiting) == (202, True, False, "queued")
    expect_success(place, run["run_id"])


def test_lost_lock_is_taken_again(place, processes):
    """R5: by its holder, with its time to live."""
    run_id, held = in_the_middle(place)

    place.broker.delete(LOCK)
    left = wait_until(lambda: max(place.broker.pttl(LOCK), 0), seconds=30, what="the lock")
    held.over.set()

    assert 0 < left <= LEASE * 1000
    expect_success(place, run_id)


def test_lock_ends_with_its_holder(place, processes):
    """R7: whoever died holds it for its time at most, and the next worker comes soon after."""
    run_id, held = in_the_middle(place)
    [*_, claimed] = [line for line in hooks.journal() if "fence" in line and line["run_id"] == run_id]
    lived = []

    os.kill(claimed["pid"], signal.SIGKILL)
    died = time.time()
    held.over.set()

    def taken_over():
        lived.append(place.broker.pttl(LOCK))
        return [line for line in hooks.journal() if "fence" in line and line["time"] > died]

    [again] = wait_until(taken_over, seconds=30, what="the takeover")
    assert all(ms == -2 or 0 <= ms <= LEASE * 1000 for ms in lived), lived
    assert again["time"] - died < LEASE + RECONCILE + 10
    expect_success(place, run_id, attempts=2)


@contextmanager
def slow(place: Stage):
    """A fifth of a second before each piece, either way."""
    with weather(place, delay=0.2):
        yield


@contextmanager
def trickling(place: Stage):
    """Byte by byte."""
    with weather(place, trickle=True):
        yield


@contextmanager
def weather(place: Stage, *, delay=0.0, trickle=False):
    """What the wire to Redis does, for a while."""
    wire = place.redis.weather
    wire.delay, wire.trickle = delay, trickle
    try:
        yield
    finally:
        wire.delay, wire.trickle = 0.0, False


@contextmanager
def breaking(place: Stage):
    """Every connection is reset as the run passes each of its pages."""
    place.shop.between = lambda shelf: place.redis.cut()
    try:
        yield
    finally:
        place.shop.between = lambda shelf: None


@pytest.mark.parametrize("fault", [slow, trickling, breaking])
def test_bad_wire(place, processes, fault):
    """R8: it takes longer, and nothing is wrong."""
    with fault(place):
        run_id = place.request(ONE.name, mode="full", wake=False)
        row = place.wait([run_id], seconds=120)[run_id]

    assert row.state == "succeeded"
    assert checker.violations(place.db, place.shop) == []


def test_hostile_messages(place, processes, tmp_path):
    """R9: not executed, not unpickled, and the workers live."""
    marker = tmp_path / "executed"
    # Kombu may end a worker whose connection was cut a moment ago; one that has executed a run since is well.
    expect_success(place, place.request(ONE.name, mode="full", wake=False))
    worker = processes.processes["worker0"]
    hostile = messages(marker, most=200)

    for queue in ("etl.run", "etl.control"):
        for message in hostile:
            place.broker.lpush(f"kasparro:{queue}", message)
        wait_until(
            lambda queue=queue: not place.broker.llen(f"kasparro:{queue}"),
            seconds=60,
            what=f"{queue} to be read",
        )

    run_id = place.request(ONE.name, mode="full", wake=False)
    expect_success(place, run_id)
    assert not marker.exists()
    assert processes.processes["worker0"] is worker, processes.log("worker0")[-5000:]
    assert worker.poll() is None


ROLES = {
    "worker": ["-m", "celery", "-A", "tasks", "worker", "-Q", "etl.run", "-c", "1"],
    "beat": ["-m", "celery", "-A", "tasks", "beat", "--pidfile=", "-s", "{folder}/schedule"],
}


@pytest.mark.parametrize("role", ROLES)
def test_wrong_password_is_told(place, tmp_path, role):
    """R10: the process ends at once and says what to set, without the password."""
    place.broker.config_set("requirepass", "right")
    try:
        ended = subprocess.run(
            [sys.executable, *(word.format(folder=tmp_path) for word in ROLES[role])],
            env={**os.environ, "REDIS_URL": f"redis://:wrong-canary@127.0.0.1:{place.servers.redis.port}/0"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
        )
    finally:
        place.broker.config_set("requirepass", "")

    assert ended.returncode not in (0, -9)
    assert "REDIS_URL" in ended.stdout
    assert "wrong-canary" not in ended.stdout
