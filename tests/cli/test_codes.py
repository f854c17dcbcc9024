"""Exit codes and errors: the same words for the same trouble, whatever the command."""

import subprocess
import sys
import time

import pytest

from cli.problems import CODES
from ingest.settings import ROOT
from local.servers import Postgres
from tests.cli.shop import call
from tests.conftest import forget

NEED_DATABASE = [("status",), ("runs",), ("rejects",), ("sources",), ("migrate",), ("run", "shop", "--local")]


@pytest.fixture
def empty(started, shop, monkeypatch):
    """A database that was never migrated."""
    postgres: Postgres = started.postgres
    postgres.create("never_migrated")
    monkeypatch.setenv("DATABASE_URL", postgres.url("never_migrated"))
    forget()


def test_help_tells_every_code():
    shown = call("--help").stdout

    assert all(f"{code:>3}  {meaning}" in shown for code, meaning in CODES.items())


def test_help_is_quick():
    """It imports neither the engine nor the web; measured generously, for test machines are busy."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cli", "-h"], cwd=ROOT, check=True, capture_output=True)

    assert time.perf_counter() - began < 1.0


def test_help_imports_little():
    program = (
        "import sys, cli.__main__; sys.exit(any(m in sys.modules for m in ('sqlalchemy', 'flask', 'polars')))"
    )

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("words", NEED_DATABASE, ids=" ".join)
def test_database_away(shop, monkeypatch, words):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    result = call(*words)

    assert (result.exit_code, result.stdout) == (6, "")
    assert "error: PostgreSQL" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", NEED_DATABASE, ids=" ".join)
def test_setting_missing(shop, monkeypatch, words):
    monkeypatch.delenv("DATABASE_URL", raising=False)

    result = call(*words)

    assert (result.exit_code, result.stdout) == (5, "")
    assert "DATABASE_URL is not set" in result.stderr


def test_debug_shows_where(shop, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)

    assert "Traceback" in call("--debug", "status").stderr
    assert "Traceback" in call("status", "--debug").stderr


def test_never_migrated(empty):
    for words in (
        ("run", "shop", "--local"),
        ("status",),
        ("runs",),
        ("rejects",),
        ("sources", "pause", "shop"),
    ):
        result = call(*words)
        assert result.exit_code == 6, words
        assert "kasparro migrate" in result.stderr

    first, second = call("migrate"), call("migrate")

    assert "dataset things: table made" in first.stdout
    assert second.stdout == "nothing to do\n"
    assert call("run", "shop", "--local").exit_code == 0


def test_source_without_its_place(open_shop):
    open_shop.source("stall")

    result = call("run", "stall", "--local")

    assert result.exit_code == 6
    assert "does not know stall yet" in result.stderr
