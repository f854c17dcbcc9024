"""A demo refuses clearly, and before it starts anything, what cannot work."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local import state
from local.demo import environment, supervisor
from local.servers import free_port
from tests.local.processes import ROOT


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def demo(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "DATA_DIR": str(folder), **variables}
    command = [sys.executable, "-m", "local.demo"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("variable", ["PORT", "FLOWER_PORT"])
def test_taken_port_is_refused(tmp_path: Path, taken: int, variable: str) -> None:
    ports = {"PORT": str(free_port()), "FLOWER_PORT": str(free_port()), variable: str(taken)}

    ended = demo(tmp_path / "data", **ports)

    assert ended.returncode == 1
    assert f"Port {taken} on 127.0.0.1 cannot be used" in ended.stderr
    assert f"make demo {variable}={taken + 1}" in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("port", "flower"), [("web", "5555"), ("99999", "5555"), ("8123", "8123")])
def test_odd_port_is_refused(tmp_path: Path, port: str, flower: str) -> None:
    ended = demo(tmp_path / "data", PORT=port, FLOWER_PORT=flower)

    assert ended.returncode == 1
    assert "PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    with state.claim(tmp_path):
        ended = demo(tmp_path, PORT=str(free_port()), FLOWER_PORT=str(free_port()))

    assert ended.returncode == 1
    assert f"{tmp_path} is in use" in ended.stderr
    assert f"process {os.getpid()}" in ended.stderr


def test_sandboxes_only_in_demo(tmp_path: Path) -> None:
    public = {"PORT": 8000, "FLOWER_PORT": 5555}

    names = [[p.name for p in supervisor(tmp_path, public, real=real).programs] for real in (False, True)]

    assert set(names[0]) - set(names[1]) == {"coinpaprika", "coingecko"}
    assert names[1] == ["migrate", "worker", "control", "flower", "web", "beat", "tour"]


def test_no_secret_on_a_command_line(tmp_path: Path) -> None:
    public = {"PORT": 8000, "FLOWER_PORT": 5555}

    programs = supervisor(tmp_path, public, real=False).programs

    shown = " ".join(part for program in programs for part in program.argv)
    assert not any(secret in shown for secret in state.made_secrets(tmp_path).values())


def test_sandbox_and_real_data_stay_apart(tmp_path: Path) -> None:
    public = {"PORT": 8000, "FLOWER_PORT": 5555}

    used = [supervisor(tmp_path, public, real=real).programs[0].env["DATABASE_URL"] for real in (False, True)]

    assert used[0] != used[1]


def test_no_proxy_between_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "corp.example")

    assert environment({})["no_proxy"] == "corp.example,127.0.0.1,localhost"


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    first, again = state.made_secrets(tmp_path), state.made_secrets(tmp_path)

    assert first == again
    assert len(set(first.values())) == 2
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_inner_ports_are_remembered(tmp_path: Path) -> None:
    assert state.inner_ports(tmp_path) == state.inner_ports(tmp_path)


def test_inner_port_taken_is_replaced(tmp_path: Path) -> None:
    before = state.inner_ports(tmp_path)

    with closing(socket.create_server(("127.0.0.1", before["redis"]))):
        after = state.inner_ports(tmp_path)

    assert after["redis"] != before["redis"]
    assert after["postgres"] == before["postgres"]
