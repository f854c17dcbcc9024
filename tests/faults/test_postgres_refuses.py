"""A PostgreSQL that answers but refuses: the run waits, whole pages stand, and it heals without help."""

import resource
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, event, text

from ingest.db import new_engine
from ingest.page import JSON, Page
from tests.engine.rows import declare, rows, run_row, thing_source
from tests.faults.own_server import all_connections, engine_of, own_server, tell
from tests.faults.statements import Nth, watch
from tests.faults.undisturbed import carry_through, execute_once, expect_whole, pass_time, request, shop

UPDATE = 'UPDATE "things"'
HASTY = "-c deadlock_timeout=10ms -c lock_timeout=10s"
MEGABYTE = 1024**2


class Large:
    """One page of 40 MB that is 20 MB in the table, for chance cannot be compressed."""

    def pull(self, http: object, positions: dict[str, Any]) -> Iterator[Page]:
        """The page, unless it was read."""
        if not positions:
            noise = Random(1).randbytes(20 * MEGABYTE).hex()
            yield Page(f'[{{"id":"a","name":"thing","noise":"{noise}"}}]'.encode(), JSON, {}, {"done": 1})


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """What is started in this context can write no larger files: a disk that is full, but not for the WAL."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_space_left(database: str, tmp_path: Path) -> None:
    """D5: nothing of the page is there, the run says why and waits; with space it goes on."""
    source = thing_source(Large())
    with own_server(tmp_path, source) as server, engine_of(server.url("own")) as db:
        server.stop()
        with files_limited_to(17 * MEGABYTE):
            server.start()
        db.dispose()
        run_id = request(db, source)

        assert execute_once(db, source, run_id) == "put back"

        row = run_row(db, run_id)
        assert (row["state"], row["attempts"], row["fetched"]) == ("queued", 1, 0)
        assert "could not extend file" in row["error_message"]
        for table in ("things", "raw_data", "checkpoints"):
            assert rows(db, f"SELECT count(*) FROM {table}") == [(0,)]

        server.stop()
        server.start()
        db.dispose()
        pass_time(db, run_id)
        assert execute_once(db, source, run_id) == "succeeded"
        assert rows(db, "SELECT key FROM things") == [("a",)]


def test_deadlock_is_tried_again(engine: Engine, database: str) -> None:
    """D6: the transaction that PostgreSQL sacrifices is ours; the page happens at the next try."""
    source = shop()
    declare(engine, source)
    hasty = new_engine(engine.url.render_as_string(hide_password=False), limits=HASTY)
    with closing(psycopg2.connect(database)) as other, other.cursor() as cursor:
        lock_source = "SELECT fence FROM sources WHERE name = 'shop' FOR UPDATE"
        blocked = threading.Thread(target=cursor.execute, args=(lock_source,))

        def entangle(_: Any) -> None:
            """The other holds the row that the page is to update, and waits for what the page holds."""
            cursor.execute("SELECT FROM things FOR UPDATE")
            blocked.start()
            wait = "SELECT 1 FROM pg_stat_activity WHERE pid = :pid AND wait_event_type = 'Lock'"
            with engine.connect() as connection:
                while not connection.scalar(text(wait), {"pid": other.info.backend_pid}):
                    connection.rollback()

        cursor.execute("SET deadlock_timeout = '1min'")
        run_id = request(engine, source)
        fault = Nth(1, entangle, begins=UPDATE)
        watch(hasty, fault)
        outcome = execute_once(hasty, source, run_id)
        blocked.join()
        other.rollback()

    assert (outcome, fault.happened) == ("put back", True)
    row = run_row(engine, run_id)
    assert (row["attempts"], row["not_before"], "DeadlockDetected" in row["error_message"]) == (0, None, True)
    expect_whole(engine, source, carry_through(hasty, engine, source, run_id))
    hasty.dispose()


def test_serialization_failure_is_tried_again(engine: Engine) -> None:
    """D6: whatever rolls a page back for another's sake costs no attempt."""
    source = shop()
    declare(engine, source)
    with engine.begin() as tx:
        tx.execute(text(FAILS_ONCE))

    row = carry_through(engine, engine, source)

    expect_whole(engine, source, row)
    assert row["attempts"] == 1
    assert rows(engine, "SELECT last_value > 1 FROM hiccup") == [(True,)]


FAILS_ONCE = """
    CREATE SEQUENCE hiccup;
    CREATE FUNCTION hiccup() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('hiccup') = 1 THEN RAISE serialization_failure; END IF;
        RETURN NEW;
      END $$;
    CREATE TRIGGER hiccup BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION hiccup();
"""


def test_no_place_left(database: str, tmp_path: Path) -> None:
    """D8: while others hold all connections the run waits for one, and no attempt is counted."""
    source, hoard = shop(), []
    with own_server(tmp_path, source, max_connections="8") as server, engine_of(server.url("own")) as db:
        tried = []

        @event.listens_for(db, "do_connect")
        def give_back_at_third(*_: Any) -> None:
            tried.append(len(hoard))
            if hoard and len([held for held in tried if held]) == 3:
                while hoard:
                    hoard.pop().close()

        def crowd_out(connection: Any) -> None:
            """Take all connections, the run's own as well."""
            tell(server.url("own"), f"SELECT pg_terminate_backend({connection.info.backend_pid}, 10000)")
            hoard.extend(all_connections(server.url("own")))

        run_id = request(db, source)
        watch(db, Nth(1, crowd_out, begins="COPY"))
        db.dispose()

        assert execute_once(db, source, run_id) == "put back"

        assert (run_row(db, run_id)["attempts"], hoard) == (0, [])
        expect_whole(db, source, carry_through(db, db, source, run_id))


@pytest.mark.parametrize("moment", ["SELECT sources.fence", "COPY", "COMMIT"])
def test_read_only_for_a_while(engine: Engine, database: str, moment: str) -> None:
    """D9: a server that takes no writes is waited for, and its connections are not kept."""
    source, tried = shop(), []
    declare(engine, source)
    elsewhere, name = database.removesuffix(engine.url.database) + "postgres", engine.url.database

    def demote(connection: Any) -> None:
        tell(elsewhere, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        tell(elsewhere, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 10000)")

    with engine_of(database) as db:
        fault = Nth(2, demote, begins=moment)

        @event.listens_for(db, "do_connect")
        def promote_at_third(*_: Any) -> None:
            if fault.happened:
                tried.append("connected")
            if len(tried) == 3:
                tell(elsewhere, f"ALTER DATABASE {name} RESET default_transaction_read_only")

        run_id = request(engine, source)
        watch(db, fault)

        assert execute_once(db, source, run_id) == "put back"

        assert (len(tried), run_row(engine, run_id)["attempts"]) == (3, 0)
        expect_whole(engine, source, carry_through(db, engine, source, run_id))


def test_connection_to_a_former_primary_is_left(engine: Engine, database: str) -> None:
    """D9: after a failover a connection that was kept leads to a server that takes no more writes."""
    source = shop()
    declare(engine, source)
    with engine_of(database) as db:
        fault = Nth(
            3, lambda connection: connection.set_session(readonly=True), begins="SELECT sources.fence"
        )
        watch(db, fault)
        run_id = request(engine, source)

        assert execute_once(db, source, run_id) == "put back"

        row = run_row(engine, run_id)
        assert (fault.happened, row["attempts"], row["pages"]) == (True, 0, 1)
        assert "read-only transaction" in row["error_message"]
        expect_whole(engine, source, carry_through(db, engine, source, run_id))
