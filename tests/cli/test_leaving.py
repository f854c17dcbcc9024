"""`kasparro run` when nobody waits for the end: timeouts and Ctrl-C lose nothing."""

import os
import signal
import threading
from contextlib import contextmanager

from sqlalchemy import text

from ingest import pipeline
from tests.cli.shop import call, counts, names

MANY = 2_000


@contextmanager
def interrupted(engine, when):
    """Ctrl-C, once, as soon as the query has a row."""
    over = threading.Event()

    def wait():
        while not over.wait(0.02):
            with engine.connect() as tx:
                if tx.execute(text(when)).first():
                    return os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_waiting_ends_in_time(queued):
    result = call("run", "shop", "--timeout", "0.5")

    assert result.exit_code == 75
    assert f"run {queued} goes on without us" in result.stderr
    assert f"kasparro runs show {queued}" in result.stderr


def test_ctrl_c_leaves_the_run(open_shop, engine):
    with interrupted(engine, "SELECT 1 FROM runs WHERE published_at IS NOT NULL"):
        result = call("run", "shop")

    assert result.exit_code == 130
    assert "run 1 goes on without us" in result.stderr


def test_ctrl_c_puts_a_local_run_back(open_shop, engine, monkeypatch):
    """And the next one goes on from there: every row once."""
    monkeypatch.setattr(pipeline, "MOST_TOGETHER", 1)
    open_shop.sell("shop", *(f"{number},thing {number},{number}" for number in range(MANY)))

    with interrupted(engine, "SELECT 1 FROM runs WHERE pages > 0"):
        stopped = call("run", "shop", "--local")

    assert stopped.exit_code == 130, stopped.output
    assert "kasparro run shop --local" in stopped.stderr
    assert 0 < len(names(engine)) < MANY
    assert counts(call("run", "shop", "--local", "--json")) == {"fetched": MANY, "inserted": MANY}
