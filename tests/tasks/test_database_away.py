"""PostgreSQL stops in mid-run and comes back: the worker waits, and every row is there once."""

import pytest
from sqlalchemy import text

from ingest import catalog, db
from ingest.migrate import migrate
from local.servers import Postgres, free_port
from tests.conftest import forget
from tests.tasks.system import wait_until
from tests.tasks.test_processes import ended, expect_every_coin_once, first_page_loaded, request, slow_down


@pytest.fixture
def own_postgres(declare, tmp_path, monkeypatch):
    """A server that the test may stop, with the source declared."""
    server = Postgres(tmp_path / "own", free_port())
    server.start()
    server.create("own")
    declare()
    monkeypatch.setenv("DATABASE_URL", server.url("own"))
    db.engine().dispose()
    forget()
    migrate(db.engine(), catalog.catalog())
    yield server
    db.engine().dispose()
    server.stop()


def test_worker_waits_for_postgres(own_postgres, running, box):
    slow_down(box)
    running.start("worker", "control", "beat")
    run_id = request()
    wait_until(lambda: first_page_loaded(run_id), what="the first page")

    own_postgres.stop()
    wait_until(lambda: "database away" in running.log("worker"), what="the worker to notice")
    own_postgres.start()
    db.engine().dispose()

    row = wait_until(lambda: ended(run_id), what="the run after the restart")
    assert (row["state"], row["fetched"], row["inserted"]) == ("succeeded", 600, 600)
    expect_every_coin_once(box)
    with db.engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM runs")) == 1
