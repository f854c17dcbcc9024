"""`make smoke`: the whole system as a stranger uses it, on free ports in a temporary folder.

Prints one line a check and ends with `N passed, M failed`; the exit status tells.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import requests

from local.demo import ROOT
from local.sandbox import coingecko, coinpaprika
from local.sandbox.world import Coin, World
from local.servers import HOST, free_port

SOURCES = {"coingecko", "coinpaprika", "coins_csv", "coins_quirky_csv"}
RATE = 30
# A killed worker is replaced in seconds here; the defaults are five times as long.
FAST = {"LEASE_SECONDS": "6", "RENEW_SECONDS": "2", "RECONCILE_SECONDS": "2"}


class System:
    """`make demo` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = {"PORT": str(free_port()), "FLOWER_PORT": str(free_port())}
        self.base = f"http://{HOST}:{ports['PORT']}"
        self.env = {**os.environ, **ports, **FAST, "DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
        self.env.pop("API_KEY", None)
        self.session = requests.Session()
        self.session.trust_env = False
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start everything; seconds until the first 200."""
        began = time.monotonic()
        with (self.folder / "demo.out").open("ab") as output:
            command = [sys.executable, "-m", "local.demo"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output)
        until(self.alive, 90, "the first 200")
        seconds = time.monotonic() - began
        self.session.headers["x-api-key"] = json.loads((self.folder / "secrets.json").read_text())["api_key"]
        return seconds

    def stop(self) -> int:
        """Ctrl-C; the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(60)
        self.process = None
        return status

    def alive(self) -> bool:
        """Whether the API answers."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"make demo ended: {(self.folder / 'demo.out').read_text()[-2000:]}")
        try:
            return self.session.get(f"{self.base}/health/live", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET; numbers with a point stay exact."""
        reply = self.session.get(f"{self.base}{path}", params=query, timeout=30)
        reply.raise_for_status()
        return json.loads(reply.text, parse_float=Decimal, parse_int=Decimal)

    def run(self, *sources: str) -> list[int]:
        """Start full runs, after those that Beat may have started; their ids."""
        body = {"source": list(sources or sorted(SOURCES)), "mode": "full"}
        while True:
            self.ended([int(run["id"]) for run in self.get("/runs")["data"]])
            reply = self.session.post(f"{self.base}/run-etl", json=body, timeout=30)
            runs = reply.json()["runs"]
            if reply.status_code == 202 and all(run["created"] for run in runs):
                return [run["run_id"] for run in runs]

    def ended(self, ids: list[int]) -> list[Any]:
        """The runs, once all have ended."""
        runs: list[Any] = []

        def all_ended() -> bool:
            runs[:] = [self.get(f"/runs/{number}") for number in ids]
            return all(run["finished_at"] for run in runs)

        until(all_ended, 180, f"the end of runs {ids}")
        return runs

    def items(self, source: str) -> dict[str, Any]:
        """Every item of a source by key, through the NDJSON export."""
        reply = self.session.get(
            f"{self.base}/data", params={"source": source, "format": "ndjson"}, timeout=60
        )
        rows = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in reply.text.splitlines()]
        assert len({row["key"] for row in rows}) == len(rows), "an item came twice"
        return {row["key"]: row for row in rows}

    def sandbox(self, name: str) -> str:
        """The address of a stand-in."""
        return f"http://{HOST}:{json.loads((self.folder / 'ports.json').read_text())[name]}"

    def worker(self) -> psutil.Process:
        """The main process of the worker that executes runs."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        return next(child for child in children if "etl.run" in " ".join(child.cmdline()))


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something, not for ever."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def starts(system: System) -> str:
    """cold start answers within 60 s"""
    seconds = system.start()
    assert seconds <= 60, f"{seconds:.1f} s"
    return f"{seconds:.1f} s"


def ingests_all(system: System) -> str:
    """every source is ingested"""
    until(lambda: len(system.get("/runs")["data"]) >= len(SOURCES), 60, "the first runs")
    runs = system.ended([int(run["id"]) for run in system.get("/runs")["data"]])
    assert {run["source"] for run in runs} == SOURCES, "a source is missing"
    assert {run["state"] for run in runs} == {"succeeded"}, [run["error"] for run in runs]
    return f"{sum(run['counts']['inserted'] for run in runs)} rows"


def equals_the_world(system: System) -> str:
    """items are what the stand-ins offer, value by value"""
    return compare(system, World().active)


def compare(system: System, coins: Sequence[Coin]) -> str:
    """Both APIs' items against the coins, both ways."""
    for api in (coinpaprika, coingecko):
        items = {key: row["price_usd"] for key, row in system.items(api.__name__.rpartition(".")[2]).items()}
        offered = {api.coin_id(coin): coin.price for coin in coins}
        wrong = {key for key in items.keys() | offered.keys() if items.get(key) != offered.get(key)}
        assert not wrong, f"{len(wrong)} of {len(offered)} differ, among them {sorted(wrong)[:3]}"
    return f"{len(coins)} coins, twice"


def newest(before: World, after: World) -> list[Coin]:
    """What must stand after a tick: of two versions the later one, and a delisted coin as it was."""
    then = {coin.slug: coin for coin in after.active}
    return [max(coin, then.get(coin.slug, coin), key=lambda one: one.updated_at) for coin in before.active]


def needs_a_key(system: System) -> str:
    """a POST without the key is refused, and says how"""
    answers = [
        requests.post(f"{system.base}/run-etl", headers=headers, timeout=10).status_code
        for headers in ({}, {"x-api-key": "wrong"})
    ]
    assert answers == [401, 401], answers
    return "401, 401"


def pages_through(system: System) -> str:
    """paging gives every item once"""
    seen: list[Any] = []
    page = system.get("/data", limit=1000)
    while True:
        seen += [row["id"] for row in page["data"]]
        if not page["page"]["has_more"]:
            break
        page = system.get("/data", limit=1000, cursor=page["page"]["next_cursor"])
    count = system.get("/data", limit=1, count="exact")["page"]["count"]
    assert len(seen) == len(set(seen)) == count, (
        f"{len(seen)} rows, {len(set(seen))} of them different, {count} counted"
    )
    return f"{count} items"


def changes_nothing(system: System) -> str:
    """running again changes 0 rows"""
    runs = system.ended(system.run())
    changed = sum(run["counts"]["inserted"] + run["counts"]["updated"] for run in runs)
    assert {run["state"] for run in runs} == {"succeeded"}, [run["error"] for run in runs]
    assert changed == 0, f"{changed} rows changed"
    return f"{sum(run['counts']['unchanged'] for run in runs)} unchanged"


def survives_a_kill(system: System) -> str:
    """kill -9 of the worker in mid-run: the run ends, every row exactly once"""
    after = World()
    after.tick()
    for name in ("coinpaprika", "coingecko"):
        requests.post(f"{system.sandbox(name)}/_sandbox/tick", timeout=10)
    slow = [{"do": "slow", "path": "/api/v3/coins", "nth": 4, "count": 1, "seconds": 4}]
    requests.put(f"{system.sandbox('coingecko')}/_sandbox/faults", json=slow, timeout=10)
    [number] = system.run("coingecko")
    until(lambda: system.get(f"/runs/{number}")["counts"]["fetched"] > 0, 60, "the first pages")
    system.worker().kill()
    [run] = system.ended([number])
    assert run["state"] == "succeeded", run["error"]
    assert run["attempts"] == 2, f"{run['attempts']} attempts"
    system.ended(system.run("coinpaprika"))
    compare(system, newest(World(), after))
    return f"{run['attempts']} attempts, {run['counts']['updated']} rows updated"


def restarts(system: System) -> str:
    """after a stop it starts within 10 s and goes on with its data"""
    before = system.get("/data", limit=1, count="exact")["page"]["count"]
    assert system.stop() == 0, "the exit status of the stop is not 0"
    seconds = system.start()
    assert seconds <= 10, f"{seconds:.1f} s"
    assert system.get("/data", limit=1, count="exact")["page"]["count"] == before
    return f"{seconds:.1f} s, {before} items"


def keeps_the_rate(system: System) -> str:
    """the upstream's own log shows no more than the declared rate"""
    log = requests.get(f"{system.sandbox('coingecko')}/_sandbox/requests", timeout=10).json()
    entries = log if isinstance(log, list) else log["requests"]
    times = sorted(entry["monotonic"] for entry in entries)
    most = max(sum(1 for other in times if at <= other < at + 60) for at in times)
    refused = [entry for entry in entries if entry["status"] == 429]
    assert most <= RATE, f"{most} requests in a minute"
    assert not refused, f"{len(refused)} refused"
    return f"at most {most} of {RATE} a minute, 0 refused"


def leaves_nothing(system: System) -> str:
    """kill -9 of the supervisor leaves no process behind"""
    assert system.process is not None
    family = psutil.Process(system.process.pid).children(recursive=True)
    system.process.kill()
    system.process.wait()
    system.process = None
    gone, alive = psutil.wait_procs(family, timeout=30)
    assert not alive, [process.cmdline() for process in alive]
    return f"{len(gone)} processes gone"


CHECKS = [
    starts,
    ingests_all,
    equals_the_world,
    needs_a_key,
    pages_through,
    changes_nothing,
    keeps_the_rate,
    survives_a_kill,
    restarts,
    leaves_nothing,
]


@contextmanager
def temporary() -> Iterator[System]:
    """A system whose folder and processes are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kasparro-smoke-"))
    system = System(folder)
    try:
        yield system
    finally:
        if system.process is not None:
            system.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Make every check in order; a failed one does not stop those after it."""
    passed = failed = 0
    with temporary() as system:
        for check in CHECKS:
            began = time.monotonic()
            try:
                detail, mark = check(system), "ok  "
                passed += 1
            except (AssertionError, requests.RequestException, StopIteration, KeyError) as error:
                detail, mark = str(error)[:500], "FAIL"
                failed += 1
            sys.stdout.write(f"{mark}  {check.__doc__}: {detail} ({time.monotonic() - began:.1f} s)\n")
            sys.stdout.flush()
    sys.stdout.write(f"{passed} passed, {failed} failed\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
