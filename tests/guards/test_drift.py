"""What drifts unless a test holds it: settings and their example, pins, suppressions."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ingest import settings as module
from ingest.catalog import load
from ingest.errors import ConfigInvalid
from ingest.settings import ROOT, Settings, read

NAME = re.compile(r"_get\(env\.\w+, \"([A-Z_]+)\"")
# Read by docker-compose.yml alone.
COMPOSE = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_PASSWORD"}


def declared_names() -> list[str]:
    """The variables that settings.py reads."""
    return NAME.findall(Path(module.__file__).read_text())


def test_example_names_every_setting():
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    shipped = load(ROOT / "catalog", {}, files_root=ROOT / "catalog" / "data")
    referred = {name for source in shipped.sources.values() for name in source.secrets}

    assert len(declared_names()) == len(fields(Settings))
    assert example == set(declared_names()) | referred | COMPOSE


def test_example_holds_no_value():
    assert re.findall(r"^[A-Z_]+=(.+)", (ROOT / ".env.example").read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-local.txt"])
def test_everything_is_pinned(name):
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]

    assert [line for line in lines if "==" not in line] == []


def test_settings_name_every_problem(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://host/db")
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("LEASE_SECONDS", "soon")

    with pytest.raises(ConfigInvalid) as caught:
        read()

    assert {"PORT", "LEASE_SECONDS"} <= {problem.split(":")[0] for problem in caught.value.problems}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_plain_database_urls_work(monkeypatch, scheme):
    """SQLAlchemy 2.1 would take them for psycopg 3."""
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://user@host/db")

    assert read().database_url == "postgresql+psycopg2://user@host/db"


def test_suppressions_are_few():
    """At most three in a thousand lines, each with its code."""
    lines = [
        line
        for folder in ("ingest", "models", "tasks", "webapp", "cli", "local")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text().splitlines()
    ]
    suppressed = [line for line in lines if "# noqa" in line or "# type: ignore" in line]

    assert len(suppressed) <= len(lines) * 3 / 1000
    assert all(re.search(r"noqa: [A-Z]|ignore\[", line) for line in suppressed)
