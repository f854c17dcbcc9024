"""Databases copied, restored or pruned in mid-run: what stands agrees, and the next run mends the rest."""

import signal
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest import upkeep
from local.binaries import postgres_folder
from local.process import as_owner
from local.servers import Postgres, free_port
from tests.engine.rows import Script, declare, rows, thing_source
from tests.faults.own_server import engine_of, own_server, tell
from tests.faults.statements import Nth, watch
from tests.faults.undisturbed import ITEMS, PAGES, carry_through, expect_whole, pass_time, request, shop

COPY_THINGS = 'COPY "things"'


def call(program: str, *arguments: str) -> None:
    """Call a program of PostgreSQL's."""
    subprocess.run([str(postgres_folder() / program), *arguments], check=True, capture_output=True)


@pytest.mark.parametrize("moment", [1, 2, 3], ids="before page {}".format)
def test_restored_dump_goes_on(engine: Engine, database: str, tmp_path: Path, moment: int) -> None:
    """D14: a dump taken in mid-run is at one with itself; restored, the run goes on from its checkpoint."""
    source, dump = shop(), str(tmp_path / "dump")
    declare(engine, source)
    run_id = request(engine, source)
    with engine_of(database) as db:
        watch(db, Nth(moment, lambda _: call("pg_dump", "-Fc", "-f", dump, database), begins=COPY_THINGS))
        expect_whole(engine, source, carry_through(db, engine, source, run_id))

    tell(database, f"CREATE DATABASE restored_{moment}_{engine.url.database}")
    restored = f"{database.rpartition('/')[0]}/restored_{moment}_{engine.url.database}"
    call("pg_restore", "-d", restored, dump)
    with engine_of(restored) as db:
        assert rows(db, "SELECT state, pages FROM runs") == [("running", moment - 1)]
        pass_time(db, run_id)
        expect_whole(db, source, carry_through(db, db, source, run_id))
    tell(database, f"DROP DATABASE {restored.rpartition('/')[2]}")


def test_failover_to_a_stale_copy(database: str, tmp_path: Path) -> None:
    """D4: the copy lacks the last commits, rows and checkpoint alike; the next run pulls them again."""
    first, second = shop(), thing_source(Script([*PAGES, [{"id": "z", "name": "last", "price": "9"}]]))
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o700)
    with own_server(tmp_path, first) as primary, engine_of(primary.url("own")) as db:
        expect_whole(db, first, carry_through(db, db, first))
        base_backup(primary, copy)
        carry_through(db, db, second)
        assert rows(db, "SELECT count(*) FROM things") == [(5,)]

    standby = Postgres(copy, free_port())
    standby.start()
    try:
        with engine_of(standby.url("own")) as db:
            assert rows(db, "SELECT key, price FROM things ORDER BY key") == ITEMS
            row = carry_through(db, db, second)
            assert (row["state"], row["fetched"], row["inserted"]) == ("succeeded", 1, 1)
            assert rows(db, "SELECT count(*) FROM things") == [(5,)]
    finally:
        standby.stop()


def base_backup(primary: Postgres, folder: Path) -> None:
    """Copy the running server's data, as a standby is made."""
    target = f"host=127.0.0.1 port={primary.port} user=ingest"
    command = [str(postgres_folder() / "pg_basebackup"), "-D", str(folder), "-d", target, "-c", "fast"]
    subprocess.run(as_owner(folder, command, signal.SIGTERM), check=True, capture_output=True)


def test_pruning_at_every_statement(engine: Engine, database: str) -> None:
    """D13: what is pruned while a page is written costs the page nothing, and open rejects stay."""
    source = replace(shop(), keep_raw=timedelta(0))
    declare(engine, source)
    pruned: list[dict[str, int]] = []

    def prune(connection: Any, statement: str) -> None:
        pruned.append(upkeep.prune(engine, source))

    with engine_of(database) as db:
        watch(db, prune)
        for mode in ("incremental", "full"):
            row = carry_through(db, engine, source, request(engine, source, mode=mode))
            assert (row["state"], row["fetched"], row["rejected"]) == ("succeeded", 8, 2)

    assert rows(engine, "SELECT key, price FROM things ORDER BY key") == ITEMS
    assert rows(engine, "SELECT key FROM rejects WHERE state = 'open' ORDER BY key") == [("b",), ("f",)]
    assert sum(each["raw_pages"] for each in pruned) >= 4
    assert sum(each["rejects"] for each in pruned) >= 2


def test_pruning_waits_for_nobody(engine: Engine, database: str) -> None:
    """D13: pages are deleted in batches, so that no lock is held for long."""
    source = replace(
        thing_source(Script([[{"id": str(n), "name": "x"}] for n in range(25)])), keep_raw=timedelta(0)
    )
    declare(engine, source)
    carry_through(engine, engine, source)
    asked: list[str] = []

    with pytest.MonkeyPatch.context() as patch, engine_of(database) as db:
        patch.setattr(upkeep, "BATCH", 10)  # a thousand rows would only take longer
        watch(db, lambda connection, statement: asked.append(statement.split()[0]))
        assert upkeep.prune(db, source) == {"raw_pages": 25, "rejects": 0, "parts": 0}

    assert asked.count("COMMIT") == 5
    assert rows(engine, "SELECT count(*) FROM things") == [(25,)]
