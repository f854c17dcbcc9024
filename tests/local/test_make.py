"""What stands beside the code: make prints itself, `.env` gets its secrets, `kasparro` runs from anywhere."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local import dotenv
from tests.local.processes import ROOT

PROOFS = {"crash", "chaos", "broker", "zombies", "recovery", "memory", "leaks", "seeded-bugs"}
TARGETS = {
    "demo",
    "run",
    "test",
    "smoke",
    "check",
    "audit",
    "bench",
    "bench-read",
    "scale",
    "clean",
    "up",
    "down",
    "logs",
    *PROOFS,
}
EXAMPLE = "# Needed\nAPI_KEY=\nPOSTGRES_PASSWORD=change-me\n# FLOWER_PASSWORD=\nPORT=8000\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def call(*command: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=cwd, env={**outside, **variables}, capture_output=True, text=True)


def test_make_prints_its_targets() -> None:
    printed = call("make").stdout

    assert set(re.findall(r"^  ([a-z-]+) ", printed, re.MULTILINE)) == TARGETS
    assert "\033" not in printed


def test_old_python_is_told(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "old").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "old").chmod(0o755)

    ended = call("make", "demo", "PYTHON=./old", cwd=tmp_path)

    assert ended.returncode != 0
    assert "Python 3.11 or newer is needed" in ended.stderr


def test_env_gets_fresh_secrets(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dotenv.main(checkout) == 0

    written = (checkout / ".env").read_text()
    values = dict(line.split("=", 1) for line in written.splitlines() if not line.startswith("#"))
    assert values.keys() == {*dotenv.SECRETS, "PORT"}
    assert len({values[name] for name in dotenv.SECRETS}) == 4
    assert values["PORT"] == "8000"
    assert not any(values[name] in capsys.readouterr().out for name in dotenv.SECRETS)
    assert (checkout / ".env").stat().st_mode & 0o777 == 0o600


def test_env_is_never_overwritten(checkout: Path) -> None:
    (checkout / ".env").write_text("mine")

    assert dotenv.main(checkout) == 0
    assert (checkout / ".env").read_text() == "mine"


def test_missing_example_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dotenv.main(tmp_path) == 1
    assert ".env.example is missing" in capsys.readouterr().err


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A checkout whose command line tells what it was given."""
    (tmp_path / "root" / "cli").mkdir(parents=True)
    shutil.copy(ROOT / "kasparro", tmp_path / "root")
    (tmp_path / "root" / "cli" / "__main__.py").write_text(
        "import os, sys; print(os.getcwd(), sys.argv[1:], os.environ.get('DATABASE_URL'))"
    )
    (tmp_path / "elsewhere" / "cli").mkdir(parents=True)
    (tmp_path / "elsewhere" / "cli" / "__main__.py").write_text("print('not this one')")
    return tmp_path


def test_kasparro_runs_from_anywhere(installed: Path) -> None:
    ended = call("../root/kasparro", "run", "a b", cwd=installed / "elsewhere", DATABASE_URL="mine")

    assert ended.stdout == f"{installed / 'elsewhere'} ['run', 'a b'] mine\n"


def test_kasparro_finds_a_running_demo(installed: Path) -> None:
    (installed / "data").mkdir()
    (installed / "data" / "env").write_text("export DATABASE_URL=demo\n")

    ended = call("root/kasparro", cwd=installed, DATA_DIR=str(installed / "data"), DATABASE_URL="")

    assert ended.stdout.endswith(" demo\n")
