"""Status, runs, rejects and sources: what they show, and the few things that they change."""

import json

import pytest
from sqlalchemy import text

from ingest import runs
from tests.cli.shop import call


@pytest.fixture
def ran(open_shop):
    """The shop after a run."""
    assert call("run", "shop", "--local").exit_code == 0
    return open_shop


def lines(*words):
    """What a call prints as NDJSON."""
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_status_of_a_source(ran):
    (status,) = lines("status")

    (source,) = status["sources"]
    assert (source["source"], source["last_run"]["state"]) == ("shop", "succeeded")
    assert (source["items"], source["rejects_open"], status["workers"]) == (3, 1, {})


def test_status_before_any_run(open_shop):
    result = call("status")

    assert result.exit_code == 0, result.output
    assert "never" in result.stdout
    assert "worker not seen" in result.stdout


def test_status_without_redis(ran, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    assert lines("status")[0]["workers"] is None


def test_watch_needs_a_terminal(ran):
    assert call("status", "--watch").exit_code == 2


def test_runs_alone_lists(ran):
    assert [run["id"] for run in lines("runs")] == [run["id"] for run in lines("runs", "list")] == [1]
    assert lines("runs", "--state", "failed") == []
    assert "succeeded" in call("runs").stdout


def test_run_is_shown_in_full(ran):
    assert lines("runs", "show", "1")[0]["counts"]["inserted"] == 3
    assert "position_after" in call("runs", "show", "1").stdout


def test_cancelling(open_shop, engine):
    with engine.begin() as tx:
        runs.request(tx, "shop", trigger="api")

    assert lines("runs", "cancel", "1")[0]["state"] == "cancelled"
    assert lines("runs", "show", "1")[0]["state"] == "cancelled"


def test_ended_run_is_not_cancelled(ran):
    result = call("runs", "cancel", "1")

    assert result.exit_code == 1
    assert "has ended already: succeeded" in result.stderr


@pytest.mark.parametrize("words", [("runs", "show", "9"), ("runs", "cancel", "9"), ("rejects", "show", "9")])
def test_what_is_not_there(open_shop, words):
    result = call(*words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "9" in result.stderr


def test_reject_is_listed_and_shown(ran):
    (reject,) = lines("rejects", "--run", "1")

    assert (reject["source"], reject["key"], reject["field"]) == ("shop", "d", "price")
    assert lines("rejects", "--source", "other") == []
    assert "d,nut,many" in call("rejects", "show", str(reject["id"])).stdout


def test_dismissed_reject_is_settled(ran):
    (reject,) = lines("rejects")

    assert lines("rejects", "dismiss", str(reject["id"]), "77")[0] == {"dismissed": [reject["id"]]}
    assert lines("rejects") == []
    assert [it["id"] for it in lines("rejects", "--state", "dismissed")] == [reject["id"]]
    assert "not open, or not there: 77" in call("rejects", "dismiss", "77").stderr


def test_long_lists_say_so(ran):
    ran.sell("shop", "d,nut,many", "e,seed,few")
    call("run", "shop", "--local", "--full")

    assert "1 of " in call("rejects", "-n", "1").stderr


def test_sources_alone_lists(open_shop):
    (source,) = lines("sources")

    assert (source["source"], source["schedule"]) == ("shop", {"every_s": 3600, "cron": None})
    assert "every 1 h" in call("sources").stdout
    assert "shop.csv" in call("sources", "show", "shop").stdout


def test_paused_source_stays_so(open_shop, engine):
    assert lines("sources", "pause", "shop")[0] == {"source": "shop", "enabled": False}
    assert "paused" in call("status").stdout
    with engine.connect() as tx:
        assert tx.scalar(text("SELECT enabled FROM sources WHERE name = 'shop'")) is False

    assert lines("sources", "resume", "shop")[0]["enabled"] is True


def test_unknown_source_has_a_suggestion(open_shop):
    for words in (("sources", "show", "shpo"), ("sources", "pause", "shpo")):
        result = call(*words)
        assert result.exit_code == 2
        assert "did you mean shop?" in result.stderr
