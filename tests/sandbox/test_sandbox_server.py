"""The stand-ins over real sockets: inside a test and as a process of their own."""

import os
import signal
import subprocess
import sys

import pytest
import requests

from local.sandbox.server import Sandbox
from local.sandbox.world import World

MARKETS = "/api/v3/coins/markets?vs_currency=usd"


def test_reset_over_the_wire() -> None:
    with Sandbox("coinpaprika", world=World(size=300)) as box:
        box.faults([{"do": "reset"}])

        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="reset"):
            requests.get(box.url + "/tickers", timeout=5)

        assert requests.get(box.url + "/tickers", timeout=5).status_code == 200


def test_slow_over_the_wire() -> None:
    with Sandbox("coingecko", world=World(size=40)) as box:
        box.faults([{"do": "slow", "seconds": 0.05}, {"do": "slow", "seconds": 9, "nth": 2}])

        answer = requests.get(box.root + MARKETS, timeout=5)

        assert len(answer.json()) == 40
        assert answer.elapsed.total_seconds() < 5
        with pytest.raises(requests.exceptions.ConnectionError, match="timed out"):
            requests.get(box.root + MARKETS, timeout=0.1)


def test_gzip_over_the_wire() -> None:
    with Sandbox("coingecko", world=World(size=40)) as box:
        box.faults([{"do": "gzip"}])

        answer = requests.get(box.root + MARKETS, timeout=5)

        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.json()) == 40


def test_sandbox_steers_and_remembers() -> None:
    with Sandbox("coingecko", world=World(size=40)) as box:
        before = requests.get(f"{box.url}/coins/list", timeout=5).json()
        box.tick()
        after = requests.get(f"{box.url}/coins/list", timeout=5).json()

        assert len(before) - len(after) == 1
        assert [entry["path"] for entry in box.requests] == ["/api/v3/coins/list"] * 2
        assert box.world.ticks == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_serves_and_ends(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "local.sandbox", "coinpaprika", "--port", "0", "--size", "40"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = line.split()[2].removesuffix("/v1")
        summary = requests.get(f"{url}/_sandbox/world", timeout=5).json()
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=10)

    assert (process.returncode, out, err) == (0, "", "")
    assert "not the real API" in line
    assert summary["digest"] == World(size=40).digest()
