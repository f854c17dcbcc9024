"""Shipped sources when their upstream misbehaves: what the run says, and that nothing is lost by it."""

import pytest
from sqlalchemy import text

from ingest.db import engine as this_engine
from local.sandbox.server import Sandbox
from local.sandbox.world import World
from tests.conftest import forget
from tests.shipped.test_shipped_sources import from_coingecko, run, stored

CANARY = "canary-3f9a-do-not-tell"


@pytest.fixture
def box(database, monkeypatch):
    """CoinGecko's stand-in over 600 coins, which is three pages."""
    with Sandbox("coingecko", world=World(size=600)) as sandbox:
        monkeypatch.setenv("COINGECKO_URL", sandbox.url)
        monkeypatch.setenv("COINGECKO_RATE", "1000/minute")
        forget()
        yield sandbox


@pytest.fixture
def impatient(monkeypatch):
    """Retries follow at once: what is waited for is tested elsewhere."""
    monkeypatch.setattr("random.random", lambda: 0.0)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"do": "html"}, "reply"),
        ({"do": "truncated"}, "reply"),
        ({"do": "content_type", "value": "text/plain"}, "reply"),
        ({"do": "empty"}, "reply"),
        ({"do": "status", "status": 503}, "upstream"),
        ({"do": "reset"}, "network"),
    ],
    ids=lambda value: value.get("do") if isinstance(value, dict) else value,
)
def test_bad_page_ends_the_run_and_the_next_goes_on(box, impatient, fault, kind):
    """The third page is broken five times: two pages stay, and the next run begins with the third."""
    box.faults([{**fault, "path": "/api/v3/coins", "nth": 3, "count": 5}])

    failed = run("coingecko")
    asked = len(box.requests)
    mended = run("coingecko")

    assert (failed.state, failed.error_kind, failed.inserted) == ("failed", kind, 500)
    assert "page=3" in failed.error_message
    assert box.url in failed.error_message
    assert asked == 2 + 5
    assert (mended.state, mended.inserted, len(box.requests)) == ("succeeded", 100, asked + 1)
    assert stored("coingecko") == from_coingecko(box.world)


def test_refused_key_is_named_not_shown(database, monkeypatch):
    with Sandbox("coingecko", world=World(size=300), keys=["the-right-one"]) as box:
        monkeypatch.setenv("COINGECKO_URL", box.url)
        monkeypatch.setenv("COINGECKO_API_KEY", CANARY)
        forget()

        row = run("coingecko")

    assert (row.state, row.error_kind, len(box.requests)) == ("failed", "auth", 1)
    assert "COINGECKO_API_KEY" in row.error_message
    assert CANARY not in row.error_message


def test_secret_is_in_no_table(database, monkeypatch):
    with Sandbox("coingecko", world=World(size=300), keys=[CANARY]) as box:
        monkeypatch.setenv("COINGECKO_URL", box.url)
        monkeypatch.setenv("COINGECKO_API_KEY", CANARY)
        monkeypatch.setenv("COINGECKO_RATE", "1000/minute")
        forget()

        assert run("coingecko").state == "succeeded"

    with this_engine().connect() as connection:
        for table in ("runs", "sources", "checkpoints", "raw_data", "rejects", "items"):
            found = connection.scalar(
                text(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE :canary"),
                {"canary": f"%{CANARY}%"},
            )
            assert found == 0, table


def test_bad_records_are_set_aside(box):
    box.faults([{"do": "extra", "path": "/api/v3/coins", "nth": 1, "count": 1}])

    row = run("coingecko")

    assert (row.state, row.inserted, row.rejected) == ("succeeded", 600, 6)
    assert stored("coingecko") == from_coingecko(box.world)
    with this_engine().connect() as connection:
        reasons = connection.scalars(text("SELECT reason FROM rejects ORDER BY raw_index")).all()
    assert set(reasons) == {"missing_key", "not_an_object"}
