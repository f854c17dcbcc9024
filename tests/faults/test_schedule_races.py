"""P9, P10, P11, R8: many who ask for a slot, no Beat, no Redis, an API that dies before it has replied."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from ingest.catalog import catalog
from ingest.heartbeat import FORGOTTEN_AFTER, ROLES, beat, connect
from ingest.settings import ROOT
from tests.faults import api

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Four slots of every source, the clock put back by an hour, on again, and a night that was missed.
MOMENTS = [NOON + timedelta(hours=hours, minutes=7) for hours in (0, 1, 2, 3, 2, 3, 12, 12)]
NEW = [True, True, True, True, False, False, True, False]


@pytest.fixture
def askers(database):
    """Five processes that ask for slots as soon as they are told."""
    command = [sys.executable, "-m", "tests.faults.slots"]
    made = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    for process in made:
        assert process.stdout.readline() == "ready\n"
    yield made
    for process in made:
        process.communicate(timeout=10)


def test_slot_has_one_run_whoever_asks(askers, engine):
    """P9: five Beats at once, each slot; a clock that is put back asks in vain; a night is caught up once."""
    sources = len(catalog().sources)
    for moment, new in zip(MOMENTS, NEW, strict=True):
        for process in askers:
            process.stdin.write(f"{moment.isoformat()}\n")
            process.stdin.flush()
        made = sum(int(process.stdout.readline()) for process in askers)
        with engine.begin() as tx:
            # As if they had ended long ago, so that no fresh run stands in for a slot.
            tx.execute(
                text("UPDATE runs SET state = 'succeeded', started_at = '2000-01-01', finished_at = now()")
            )

        assert made == (sources if new else 0), moment

    with engine.connect() as connection:
        slots = connection.execute(text("SELECT source, count(*), count(DISTINCT slot) FROM runs GROUP BY 1"))
        assert {tuple(row[1:]) for row in slots} == {(NEW.count(True), NEW.count(True))}


def test_dead_beat_is_told_and_stops_nobody(database, redis_url):
    """P10: /health warns, and a run that is asked for is made and sent all the same."""
    with connect(redis_url) as client:
        for role in ROLES:
            beat(client, role)
        alive = api.ask("GET", "/health")
        client.expire("kasparro:alive:beat", FORGOTTEN_AFTER - 31)
        dead = api.ask("GET", "/health")

    status, reply = api.ask("POST", "/run-etl", {"source": "coingecko"})

    assert (alive[0], alive[1]["status"], dead[0], dead[1]["status"]) == (200, "pass", 200, "warn")
    assert dead[1]["checks"]["beat:lastSeen"][0]["output"] == "silent for too long"
    assert (status, reply["runs"][0]["dispatched"]) == (202, True)


def test_upkeep_goes_on_without_redis(database, engine):
    """R8: a sign of life that cannot be given keeps nobody from asking for due slots."""
    program = "from tasks.upkeep import reconcile; reconcile.run()"
    env = {**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"}

    ended = subprocess.run([sys.executable, "-c", program], env=env, cwd=ROOT, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr
    assert "no sign of life given" in ended.stdout + ended.stderr
    with engine.connect() as connection:
        queued = connection.scalar(text("SELECT count(*) FROM runs WHERE state = 'queued'"))
    assert queued == len(catalog().sources)


def test_request_that_nobody_answered_is_repeated(database, engine):
    """P11: the API dies between its commit and its reply; the same Idempotency-Key finds the same run."""
    asked = ("POST", "/run-etl", {"source": "coingecko"}, {"Idempotency-Key": "once"})

    died = api.started(asked, options=(api.DIE,))
    with engine.connect() as connection:
        [run_id] = connection.scalars(text("SELECT id FROM runs WHERE state = 'queued'"))
    status, reply = api.ask(*asked[:3], Idempotency_Key="once")

    assert (died.returncode, died.stdout) == (-9, "")
    assert (status, reply["runs"][0]["run_id"]) == (202, run_id)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM runs")) == 1
