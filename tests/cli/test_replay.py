"""`kasparro replay` and `kasparro rejects dismiss`: what they mend, tell and leave alone."""

import json
import threading

import pytest
from sqlalchemy import text

from ingest import claims, runs
from tests.cli.shop import DATASET, call, counts, names

LOOSER = DATASET.replace("price: {type: decimal, min: 0}", "price: {type: decimal}")


@pytest.fixture
def ran(open_shop):
    """The shop after a run that refused two negative prices and a word."""
    open_shop.sell("shop", "a,apple,1.10", "b,pear,-2", "c,plum,-3", "d,nut,many")
    assert call("run", "shop", "--local").exit_code == 0
    return open_shop


@pytest.fixture
def mended(ran):
    """The rule against negative prices is gone, and so is the file."""
    (ran.catalog / "datasets" / "things.yaml").write_text(LOOSER)
    (ran.files / "shop.csv").unlink()
    return ran


def test_mended_rule_brings_the_rows(mended, engine):
    result = call("replay", "shop", "--local", "--json")

    assert result.exit_code == 0, result.output
    assert counts(result) == {"fetched": 3, "inserted": 2, "rejected": 1}
    assert json.loads(result.stdout)["trigger"] == "replay"
    assert names(engine) == ["apple", "pear", "plum"]
    assert [json.loads(line)["key"] for line in call("rejects", "--json").stdout.splitlines()] == ["d"]


def test_all_judges_every_record(mended):
    assert counts(call("replay", "shop", "--all", "--local", "--json")) == {
        "fetched": 4,
        "inserted": 2,
        "unchanged": 1,
        "rejected": 1,
    }


def test_dry_run_writes_nothing(mended, engine):
    told = json.loads(call("replay", "shop", "--dry-run", "--json").stdout)
    shown = call("replay", "shop", "--dry-run")

    assert told == {
        "source": "shop",
        "mode": "replay",
        "pages": 1,
        "judged": 3,
        "accepted": 2,
        "mended": 2,
        "remaining": [{"field": "price", "reason": "not_a_number", "records": 1}],
        "unread": 0,
        "without_page": 0,
    }
    assert "3 records judged, 2 open rejects would be mended" in shown.stdout
    assert "not_a_number" in shown.stdout
    assert names(engine) == ["apple"]
    assert len(call("runs", "--json").stdout.splitlines()) == 1


WAYS = [
    ("incremental", ("replay", "shop")),
    ("replay", ("run", "shop", "--full")),
    ("replay", ("replay", "shop", "--all")),
]


@pytest.mark.parametrize(("mode", "words"), WAYS)
def test_waits_for_an_open_run(ran, engine, mode, words):
    """One run a source: a replay begins when the pull has ended, and a pull when the replay has."""
    with engine.begin() as tx:
        asked = runs.request(tx, "shop", trigger="api", mode=mode)
        claim = claims.claim(tx, asked.run_id, worker="other", lease=30)

    def end():
        with engine.begin() as tx:
            claims.finish(tx, claim, "succeeded")

    threading.Timer(1, end).start()
    result = call(*words, "--local", "--json")

    assert json.loads(result.stdout)["id"] > claim.run_id
    assert f"run {claim.run_id} ({mode}) is running; waiting until it has ended" in result.stderr


def test_open_replay_is_not_doubled(ran, engine):
    with engine.begin() as tx:
        asked = runs.request(tx, "shop", trigger="api", mode="replay")

    result = call("replay", "shop", "--local", "--json")

    assert json.loads(result.stdout)["id"] == asked.run_id
    assert "taking that one" in result.stderr


def test_replay_waits_no_longer_than_told(mended, queued):
    result = call("replay", "shop", "--local", "--timeout", "0.1")

    assert result.exit_code == 75
    assert f"kasparro runs show {queued}" in result.stderr


def test_lost_pages_are_told(mended, engine):
    with engine.begin() as tx:
        tx.execute(text("DELETE FROM raw_shop"))

    result = call("replay", "shop", "--local", "--json")

    assert (result.exit_code, counts(result)) == (0, {})
    assert "3 open rejects have no raw page any more" in result.stderr
    assert "kasparro run shop --full" in result.stderr
    id = json.loads(call("rejects", "--json").stdout.splitlines()[0])["id"]
    assert json.loads(call("rejects", "show", str(id), "--json").stdout)["raw_page_kept"] is False


def test_unknown_source_has_a_suggestion(mended):
    for words in (("replay", "shpo"), ("replay", "shpo", "--dry-run")):
        result = call(*words)
        assert (result.exit_code, "did you mean shop?" in result.stderr) == (2, True)


def test_status_counts_no_replay(mended):
    """The last run and the last success are those of a pull."""
    before = json.loads(call("status", "--json").stdout)["sources"][0]
    call("replay", "shop", "--local")

    after = json.loads(call("status", "--json").stdout)["sources"][0]

    assert {**after, "items": 1, "rejects_open": 3} == before


def test_dismissing_by_filter(ran):
    done = call("rejects", "dismiss", "--source", "shop", "--reason", "too_small")

    assert (done.exit_code, done.stdout) == (0, "dismissed: 1, 2\n")
    assert [json.loads(line)["key"] for line in call("rejects", "--json").stdout.splitlines()] == ["d"]
    assert call("rejects", "dismiss", "--source", "other").stdout == "dismissed: none\n"


def test_dismissing_everything_is_refused(ran):
    assert call("rejects", "dismiss").exit_code == 2
    assert len(call("rejects", "--json").stdout.splitlines()) == 3
