"""P8, P14, P15: clocks that are wrong, a broker that delivers twice, main processes that used connections."""

import os
import signal
from collections import Counter

import psutil
import pytest

from ingest.heartbeat import connect, seen
from tests.faults import odd
from tests.faults.holding import Held
from tests.kit import checker, hooks
from tests.kit.fleet import Fleet, wait_until
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage

LEASE = 2.0
SHELVES = [Shelf(f"odd{number}", "page", size=22) for number in range(4)]
# Ten minutes either way; Beat, which publishes, has the right time.
CLOCKS = {"worker0": 600, "worker1": -600, "control": 600}


@pytest.fixture(scope="module")
def place():
    with stage(SHELVES, lease=LEASE) as made:
        yield made


@pytest.fixture(scope="module")
def processes(place):
    made = Fleet(place.folder / "logs", workers=2, concurrency=2)
    for role, seconds in CLOCKS.items():
        made.commands[role] = odd.command(made.commands[role], clock=seconds, visibility=1, warm=1)
    made.start()
    yield made
    made.stop()


def expect_whole(place: Stage, run_ids: list[int]) -> list:
    """All runs succeed and nothing is lost or doubled; their rows."""
    rows = place.wait(run_ids)
    assert [(row.state, row.error_message) for row in rows.values()] == [("succeeded", None)] * len(rows)
    assert checker.violations(place.db, place.shop) == []
    return list(rows.values())


def test_wrong_clocks_steal_nothing(place, processes):
    """P14, P8: runs of three leases, with messages that come again every second, are claimed once."""
    held = Held(place, *SHELVES)
    run_ids = [place.request(shelf.name, mode="full", wake=False) for shelf in SHELVES]
    wait_until(held.waiting, seconds=60, what="all runs in the middle")
    ends = {row.id: row.lease_until for row in place.states(run_ids).values()}

    wait_until(
        lambda: all(
            (row.lease_until - ends[row.id]).total_seconds() > 3 * LEASE
            for row in place.states(run_ids).values()
        ),
        seconds=60,
        what="three leases",
    )
    held.over.set()

    rows = expect_whole(place, run_ids)
    assert {(row.attempts, row.lease_expiries) for row in rows} == {(1, 0)}
    claims = Counter(line["run_id"] for line in hooks.journal() if "fence" in line)
    told = Counter(line["run_id"] for line in hooks.journal() if "outcome" in line)
    assert [claims[run_id] for run_id in run_ids] == [1] * len(SHELVES)
    assert sum(told[run_id] for run_id in run_ids) > len(SHELVES), "no message came twice"


def test_wrong_clocks_leave_nothing_stuck(place, processes):
    """P14: whoever died is replaced, though no two clocks agree on when its lease ended."""
    held = Held(place, *SHELVES)
    run_ids = [place.request(shelf.name, mode="full", wake=False) for shelf in SHELVES]
    wait_until(held.waiting, seconds=60, what="all runs in the middle")

    for line in hooks.journal():
        if "fence" in line and line["run_id"] in run_ids:
            os.kill(line["pid"], signal.SIGKILL)
    held.over.set()

    rows = expect_whole(place, run_ids)
    assert {(row.attempts, row.lease_expiries) for row in rows} == {(2, 1)}


def test_wrong_clocks_give_signs_of_life(place, processes):
    """P14: /health asks how long ago a role was seen, not when by the role's own clock."""
    with connect(place.servers.redis.url) as client:
        client.delete("kasparro:alive:control", "kasparro:alive:beat")

    ages = wait_until(
        lambda: len(found := seen(place.servers.redis.url)) == 2 and found, seconds=60, what="signs of life"
    )

    assert all(0 <= age < 5 for age in ages.values()), ages


def test_children_share_no_connection(place, processes):
    """P15: the main process has used connections before the fork; no child uses one of them."""
    held = Held(place, *SHELVES)
    run_ids = [place.request(shelf.name, mode="full", wake=False) for shelf in SHELVES]
    wait_until(held.waiting, seconds=60, what="all runs in the middle")

    sessions = place.column("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'kasparro%'")
    executing = {line["pid"] for line in hooks.journal() if "fence" in line and line["run_id"] in run_ids}
    mains = {processes.processes[role].pid for role in processes.workers()}
    ports = {pid: _ports(pid, place) for pid in executing | mains}
    held.over.set()

    expect_whole(place, run_ids)
    assert len(executing) == len(SHELVES) <= len(sessions)
    inherited = set.union(*(ports[pid] for pid in mains))
    own = [ports[pid] - inherited for pid in executing]
    assert inherited
    assert all(own)
    assert len(set.union(*own)) == sum(map(len, own)), "two children share a socket"
    logs = "".join(processes.log(role) for role in processes.commands)
    for complaint in ("lost synchronization", "Protocol Error", "DatabaseError", "InterfaceError"):
        assert complaint not in logs


def _ports(pid: int, place: Stage) -> set[int]:
    """The local ports of a process' connections to PostgreSQL."""
    return {
        each.laddr.port
        for each in psutil.Process(pid).net_connections("tcp")
        if each.raddr and each.raddr.port == place.postgres.port
    }
