"""`kasparro run`: here, by workers, twice, waited for, left."""

import json
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text

from ingest import execute
from ingest.catalog import catalog
from ingest.settings import ROOT, settings
from tests.cli.shop import call, counts, names


@pytest.fixture
def worker(open_shop, engine):
    """Something that carries out queued runs, as a worker would, a moment later."""
    over = threading.Event()

    def work():
        while not over.wait(0.2):
            with engine.connect() as tx:
                queued = list(tx.scalars(text("SELECT id FROM runs WHERE state = 'queued'")))
            for run_id in queued:
                execute.execute(engine, None, catalog(), settings(), run_id, worker="test")

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


def test_local_run_loads_and_tells(open_shop, engine):
    result = call("run", "shop", "--local")

    assert result.exit_code == 0, result.output
    heading, line = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert heading[:4] == ["source", "run", "state", "fetched"]
    assert line[:9] == ["shop", "1", "succeeded", "4", "3", "0", "0", "1", "0"]
    assert result.stderr == ""
    assert names(engine) == ["apple", "pear", "plum"]


def test_second_local_run_changes_nothing(open_shop):
    assert counts(call("run", "shop", "--local", "--json")) == {"fetched": 4, "inserted": 3, "rejected": 1}

    assert counts(call("run", "shop", "--local", "--json")) == {}
    full = counts(call("run", "shop", "--local", "--json", "--full"))
    assert full == {"fetched": 4, "unchanged": 3, "rejected": 1}


def test_local_run_needs_no_redis(open_shop, engine, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    assert call("run", "shop", "--local").exit_code == 0
    assert names(engine)


def test_all_leaves_out_what_is_paused(open_shop):
    open_shop.source("stall")
    open_shop.sell("stall", "x,fig,3")
    call("migrate")
    call("sources", "pause", "shop")

    result = call("run", "--all", "--local", "--json")

    assert json.loads(result.stdout)["source"] == "stall"
    assert "paused, so not run: shop" in result.stderr


def test_rejects_fail_only_when_asked(open_shop):
    assert call("run", "shop", "--local", "--full").exit_code == 0
    assert call("run", "shop", "--local", "--full", "--fail-on-rejects").exit_code == 3


def test_run_is_followed_to_its_end(worker):
    result = call("run", "shop", "--json")

    assert result.exit_code == 0, result.output
    assert counts(result) == {"fetched": 4, "inserted": 3, "rejected": 1}


def test_detached_run_is_left_queued(open_shop):
    result = call("run", "shop", "--detach", "--json")

    assert (result.exit_code, json.loads(result.stdout)["state"]) == (0, "queued")


def test_open_run_is_not_doubled(queued):
    result = call("run", "shop", "--detach", "--json")

    assert (result.exit_code, json.loads(result.stdout)["id"]) == (7, queued)


def test_open_run_is_taken_over_here(queued):
    result = call("run", "shop", "--local", "--json")

    assert (result.exit_code, json.loads(result.stdout)["id"]) == (0, queued)


def test_redis_away_is_told(open_shop, monkeypatch):
    """The run is in the queue of record all the same."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    command = [sys.executable, "-m", "cli", "run", "shop", "--detach", "--json"]

    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (result.returncode, json.loads(result.stdout)["state"]) == (0, "queued"), result.stderr
    assert "Redis is away" in result.stderr


def test_failed_run_says_why(open_shop):
    (open_shop.files / "shop.csv").write_text("code,label\n1,x\n")

    result = call("run", "shop", "--local")

    assert result.exit_code == 1
    assert "failed" in result.stdout
    assert "error: run 1 of shop failed" in result.stderr
    assert "kasparro runs show 1" in result.stderr


def test_unknown_source_has_a_suggestion(open_shop):
    result = call("run", "shpo", "--local")

    assert result.exit_code == 2
    assert "did you mean shop?" in result.stderr


@pytest.mark.parametrize("words", [(), ("shop", "--all"), ("shop", "--local", "--detach")])
def test_contradictions_are_refused(words):
    assert call("run", *words).exit_code == 2


def test_slow_worker_is_waited_for(queued, engine):
    def later():
        time.sleep(0.5)
        execute.execute(engine, None, catalog(), settings(), queued, worker="test")

    thread = threading.Thread(target=later)
    thread.start()
    result = call("run", "shop", "--json")
    thread.join()

    assert (result.exit_code, json.loads(result.stdout)["id"]) == (0, queued)


def test_bug_names_the_run(open_shop, engine):
    """What Kasparro did not expect is told in one line, with the run that it stopped."""
    with engine.begin() as tx:
        tx.execute(text("DROP TABLE raw_shop"))

    result = call("run", "shop", "--local")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: run 1: unexpected IntegrityError: ")
    assert len(result.stderr.splitlines()) == 2
