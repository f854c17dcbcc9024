"""P3, P4, P13, P17: runs that kill, orderly stops at every point, deaf workers, migrations under way."""

import os
import shutil
import signal
from functools import partial

import pytest
import yaml
from sqlalchemy.exc import OperationalError

from ingest.catalog import load
from ingest.db import new_engine
from ingest.migrate import migrate
from tests.faults.holding import Held
from tests.kit import checker, hooks
from tests.kit.fleet import Fleet, fleet, wait_until
from tests.kit.hooks import POINTS
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage

ONE, OTHER = Shelf("one", "page"), Shelf("other", "page")
ATTEMPTS = 3
# What Celery says as soon as it has seen SIGTERM.
STOPPING = "Warm shutdown"


@pytest.fixture(scope="module")
def place():
    with stage([ONE, OTHER], lease=2.0, MAX_ATTEMPTS=str(ATTEMPTS)) as made:
        yield made


@pytest.fixture(scope="module")
def processes(place):
    with fleet(place.folder / "logs", workers=2, concurrency=2) as made:
        yield made


@pytest.fixture(autouse=True)
def unhurried(place):
    """Whatever a test held back goes on."""
    yield
    place.shop.between = lambda shelf: None


def executed_by(processes: Fleet, main: int) -> str:
    """The role of a main process."""
    return next(role for role, each in processes.processes.items() if each.pid == main)


def outcomes(run_id: int) -> list[str]:
    """How each execution of the run was left."""
    return [line["outcome"] for line in hooks.journal() if "outcome" in line and line["run_id"] == run_id]


def ways_it_was_left(run_id: int) -> list[str]:
    """How the run was put back and ended; nothing before the end is told, which is after its commit."""
    left = [outcome for outcome in outcomes(run_id) if outcome in ("put back", "succeeded")]
    return left if "succeeded" in left else []


def carried_out(run_id: int) -> dict | None:
    """The order of the run that was carried out."""
    return next((line for line in hooks.journal() if line.get("do") and line["run_id"] == run_id), None)


def expect_whole(place: Stage) -> None:
    """Nothing is lost or doubled."""
    assert checker.violations(place.db, place.shop, [ONE]) == []


def test_run_that_kills_every_worker_ends(place, processes):
    """P3: as if the kernel had killed it for its memory, each time; nobody else has to wait for it."""
    kill = {"do": "kill", "at": "loaded", "nth": 1}
    doomed = place.request(ONE.name, *[kill] * ATTEMPTS, wake=False)
    beside = place.wait([place.request(OTHER.name, wake=False)])

    row = place.wait([doomed])[doomed]

    [other] = beside.values()
    assert (row.state, row.error_kind, row.attempts) == ("failed", "worker_died", ATTEMPTS)
    assert row.lease_expiries == ATTEMPTS
    assert f"died {ATTEMPTS} times" in row.error_message
    assert (other.state, other.attempts, other.finished_at < row.finished_at) == ("succeeded", 1, True)
    again = place.request(ONE.name, mode="full", wake=False)
    assert place.wait([again])[again].state == "succeeded"
    expect_whole(place)


@pytest.mark.parametrize("point", POINTS)
def test_stop_at_any_point(place, processes, point):
    """P4: SIGTERM costs no attempt and no lease, the worker ends with 0, and another one goes on."""
    held = Held(place, ONE)
    said = {role: processes.log(role).count(STOPPING) for role in processes.workers()}
    run_id = place.request(ONE.name, {"do": "terminate main", "at": point, "nth": 1}, mode="full", wake=False)
    if point == "finishing":
        held.over.set()
    stop = wait_until(lambda: carried_out(run_id), seconds=60, what="the stop")
    role = executed_by(processes, stop["main"])
    leaving = processes.processes[role]
    wait_until(
        lambda: processes.log(role).count(STOPPING) > said[role], seconds=30, what="the worker to notice"
    )
    held.over.set()

    row = place.wait([run_id])[run_id]
    wait_until(lambda: leaving.returncode is not None, seconds=30, what="the worker to end")

    assert (row.state, row.attempts, row.lease_expiries) == ("succeeded", 1, 0)
    assert leaving.returncode == 0
    left = wait_until(lambda: ways_it_was_left(run_id), seconds=30, what="the end to be told")
    assert left == (["succeeded"] if point == "finishing" else ["put back", "succeeded"])
    expect_whole(place)


def cut_connections(place: Stage) -> None:
    """Redis ends those that are no subscriptions; whoever waits for nothing there does not notice."""
    place.broker.client_kill_filter(_type="normal", skipme=True)


def test_worker_hears_again(place, processes):
    """P13: its connections to Redis are cut, again and again, and it takes the next run."""
    for _ in range(10):
        run_id = place.request(ONE.name, mode="full", wake=False)
        cut_connections(place)

        assert place.wait([run_id])[run_id].state == "succeeded"
    expect_whole(place)


def test_worker_hears_again_after_a_lost_ack(place, processes):
    """P13: they are cut as it says that a message is done; it does not wait for ever to be heard."""
    said_done = b"ZREM"
    for _ in range(3):
        place.redis.weather.before = said_done, partial(cut_connections, place)
        wait_until(lambda: place.redis.weather.before is None, seconds=30, what="a message to be done")

        run_id = place.request(ONE.name, mode="full", wake=False)
        assert place.wait([run_id])[run_id].state == "succeeded"
    expect_whole(place)


def grown(place: Stage, field: str):
    """The catalogue of a newer version, whose dataset has one more field."""
    folder = place.folder / field
    shutil.copytree(place.folder / "catalog", folder)
    file = folder / "datasets" / "things.yaml"
    declared = yaml.safe_load(file.read_text())
    declared["fields"][field] = {"type": "string"}
    file.write_text(yaml.safe_dump(declared))
    return load(folder, files_root=place.folder / "files", environ=os.environ)


def columns(place: Stage) -> list[str]:
    """Of the dataset's table."""
    return place.column("SELECT column_name FROM information_schema.columns WHERE table_name = 'things'")


def test_old_worker_writes_to_a_newer_schema(place, processes):
    """P17: a field is added between two pages of a run, by a version that the worker does not know."""
    held = Held(place, ONE)
    run_id = place.request(ONE.name, mode="full", wake=False)
    wait_until(lambda: held.waiting(), seconds=60, what="the middle of the run")

    migrate(place.db, grown(place, "colour"))
    held.over.set()

    row = place.wait([run_id])[run_id]
    assert (row.state, row.attempts) == ("succeeded", 1)
    assert "colour" in columns(place)
    expect_whole(place)


def test_migration_gives_way(place, processes):
    """P17: it waits no longer than its lock_timeout, leaves nothing behind, holds nobody up."""
    run_id = place.request(ONE.name, {"do": "stop", "at": "loaded", "nth": 1}, mode="full", wake=False)
    stop = wait_until(lambda: carried_out(run_id), seconds=60, what="the page to be loaded")
    url = place.db.url.render_as_string(hide_password=False)
    hurried = new_engine(url, limits="-c lock_timeout=100ms")

    with pytest.raises(OperationalError, match="lock timeout"):
        migrate(hurried, grown(place, "size"))
    os.kill(stop["pid"], signal.SIGCONT)

    hurried.dispose()
    assert place.wait([run_id])[run_id].state == "succeeded"
    assert "size" not in columns(place)
    expect_whole(place)
