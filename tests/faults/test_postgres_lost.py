"""Connections and servers that go away in mid-run: every page happens once, and the counters say so."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from ingest.declared import Source
from ingest.registry import register
from local.servers import HOST
from tests.engine.rows import declare, rows, run_row
from tests.faults.own_server import engine_of, own_server, tell
from tests.faults.statements import Nth, watch
from tests.faults.undisturbed import carry_through, execute_once, expect_whole, request, shop
from tests.kit.proxy import proxied


def another_shop(engine: Engine, number: int) -> Source:
    """A source of its own for each fault, in the one dataset."""
    source = shop(f"shop_{number}")
    with engine.begin() as tx:
        register(tx, [source])
    return source


def test_backend_ends_before_each_statement(engine: Engine, database: str) -> None:
    """D1: wherever the connection breaks, the run goes on from its checkpoint."""
    number, fault = 0, None
    declare(engine, shop())

    def terminate(connection: Any) -> None:
        tell(database, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 10000)")

    while fault is None or fault.happened:
        number += 1
        source, fault = another_shop(engine, number), Nth(number, terminate)
        with engine_of(database) as db:
            watch(db, fault)

            row = carry_through(db, engine, source)

        expect_whole(engine, source, row)
        assert row["attempts"] <= 1, "nobody's fault, so no attempt is counted"
    assert number > 40


def test_reply_of_each_commit_is_lost(engine: Engine, database: str) -> None:
    """D2: whether a commit happened is read from the checkpoint, never guessed: nothing counts twice."""
    number, fault = 0, None
    declare(engine, shop())
    with proxied(HOST, engine.url.port) as proxy:
        through_proxy = database.replace(f":{engine.url.port}/", f":{proxy.port}/")
        while fault is None or fault.happened:
            number += 1
            source = another_shop(engine, number)
            fault = Nth(number, lambda _: setattr(proxy.weather, "swallow_commits", 1), begins="COMMIT")
            with engine_of(through_proxy) as db:
                watch(db, fault)

                row = carry_through(db, engine, source)

            expect_whole(engine, source, row)
        assert proxy.weather.swallowed == number - 1
    assert number > 6


@pytest.mark.parametrize("moment", ["COPY", "COMMIT", "SELECT sources.fence"])
def test_server_crashes(database: str, tmp_path: Path, moment: str) -> None:
    """D3: after a crash of the server the run goes on, and no process of ours is started again."""
    source = shop()
    with (
        own_server(tmp_path, source) as server,
        engine_of(server.url("own")) as db,
        ThreadPoolExecutor(1) as keeper,
    ):

        def crash(connection: Any) -> None:
            server.child.stop(signal.SIGQUIT, 20)
            # A server ends with the thread that started it, and the one that loads this page ends soon.
            keeper.submit(server.start).result()

        fault = Nth(3, crash, begins=moment)
        watch(db, fault)
        run_id = request(db, source)
        first = execute_once(db, source, run_id)

        row = carry_through(db, db, source, run_id)

        assert (fault.happened, first) == (True, "put back")
        expect_whole(db, source, row)


def test_worker_waits_for_the_server(database: str, tmp_path: Path) -> None:
    """D3: the worker puts the run back by itself as soon as the server answers, and no attempt is counted."""
    source, tried = shop(), []
    with own_server(tmp_path, source) as server, engine_of(server.url("own")) as db:

        @event.listens_for(db, "do_connect")
        def start_for_the_third(*_: Any) -> None:
            if server.child.poll() is not None:
                tried.append("refused")
                if len(tried) == 3:
                    server.start()

        run_id = request(db, source)
        watch(db, Nth(1, lambda _: server.child.stop(signal.SIGQUIT, 20), begins="COPY"))
        db.dispose()

        assert execute_once(db, source, run_id) == "put back"

        row = run_row(db, run_id)
        assert (row["state"], row["attempts"], row["pages"], len(tried)) == ("queued", 0, 0, 3)
        assert rows(db, "SELECT count(*) FROM things") == [(0,)]
        expect_whole(db, source, carry_through(db, db, source, run_id))
