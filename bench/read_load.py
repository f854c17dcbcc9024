"""Asking again and again: by wrk where it is installed, else by threads of a process of our own."""

import http.client
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

CONNECTIONS = 16
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Load:
    """What came of it: requests, their rate, and times in milliseconds."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def tool() -> str:
    """What asks."""
    return "wrk" if shutil.which("wrk") else "Python threads, which are slower than wrk"


def load(url: str, seconds: int) -> Load:
    """Ask for so long over 16 connections. Raises RuntimeError when anything but success comes back."""
    return _by_wrk(url, seconds) if shutil.which("wrk") else in_turn([url], seconds)[0]


def _by_wrk(url: str, seconds: int) -> Load:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    requests = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if requests is None or rate is None:
        raise RuntimeError(said)
    return Load(int(requests[1]), float(rate[1]), _milliseconds(said, 50), _milliseconds(said, 99))


def _milliseconds(said: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(said)
    return float(found[1]) * UNITS[found[2]]


def in_turn(urls: Sequence[str], seconds: int) -> list[Load]:
    """Ask for each of the URLs in turn, over 16 connections; what came of each. Raises as `load`.

    At the same time, so that whatever disturbs one disturbs the others as well. In a process of its own,
    whose lock is not ours.
    """
    command = [sys.executable, "-m", "bench.read_load", str(seconds), *urls]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout
    return [Load(**each) for each in json.loads(said)]


def ask(urls: Sequence[str], seconds: float) -> list[Load]:
    """Ask from 16 threads of this process."""
    took: dict[str, list[float]] = {url: [] for url in urls}
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for asking in [pool.submit(_one, urls, until, took) for _ in range(CONNECTIONS)]:
            asking.result()
    return [_load(sorted(each), seconds) for each in took.values()]


def _load(took: list[float], seconds: float) -> Load:
    middle, late = took[len(took) // 2], took[len(took) * 99 // 100]
    return Load(len(took), len(took) / seconds, middle * 1000, late * 1000)


def _one(urls: Sequence[str], until: float, took: dict[str, list[float]]) -> None:
    connection = http.client.HTTPConnection(urlsplit(urls[0]).netloc, timeout=30)
    for url in cycle(urls):
        if (began := time.monotonic()) >= until:
            break
        at = urlsplit(url)
        connection.request("GET", f"{at.path}?{at.query}")
        reply = connection.getresponse()
        reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{url}: {reply.status}")
        took[url].append(time.monotonic() - began)
    connection.close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps([vars(each) for each in ask(sys.argv[2:], float(sys.argv[1]))]))
