"""A thousand runs in one process: no file and no thread more, and the memory does not grow: `make leaks`.

The process does what the task `run` does, over real servers and an upstream of three pages. What it holds is
looked at forty times; the first half is for warming up, the slope is that of the second. `broken` runs meet
an upstream that fails, for what is left behind on that way is not what is left on the good one.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import linear_regression
from typing import Any

from ingest.settings import ROOT
from tests.kit.oracle import Shelf
from tests.kit.stage import Stage, stage
from tests.kit.verdict import Verdict
from tests.upstream import Play

# Bytes a run; the allocator alone makes some noise.
BOUND = 1024
LOOKS = 40


class Endless:
    """A fault for every request."""

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> Play:
        """A page of HTML."""
        return Play(404, b"<html>gone</html>", {"Content-Type": "text/html"})


def play(place: Stage, source: str, runs: int) -> list[dict[str, Any]]:
    """What the process held, look by look."""
    command = [sys.executable, "-m", "tests.proofs.leaking", source, str(runs), str(max(1, runs // LOOKS))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def wrong(looks: list[dict[str, Any]], outcome: str) -> list[str]:
    """What grew once all was warm."""
    late = looks[len(looks) // 2 :]
    found = [f"run {look['runs']} ended {look['outcome']}" for look in looks if look["outcome"] != outcome]
    for what in ("files", "threads"):
        if late[-1][what] > late[0][what]:
            found.append(f"{what} grew from {late[0][what]} to {late[-1][what]}")
    if (slope := a_run(looks)) > BOUND:
        found.append(f"memory grows by {slope:.0f} bytes a run")
    return found


def a_run(looks: list[dict[str, Any]]) -> float:
    """Bytes by which memory grows with each run, over the second half."""
    late = looks[len(looks) // 2 :]
    return linear_regression([look["runs"] for look in late], [look["memory"] for look in late]).slope


def main(arguments: Sequence[str] | None = None) -> int:
    """Play both; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args(arguments).runs
    verdict = Verdict("leaks")
    with stage([Shelf("good", "page"), Shelf("broken", "page")], lease=30.0) as place:
        place.shop.faults["broken"] = Endless()  # type: ignore[assignment]
        for source, outcome in (("good", "succeeded"), ("broken", "failed")):
            looks = play(place, source, runs)
            first, last = looks[len(looks) // 2], looks[-1]
            verdict.case(f"{source}: {runs} runs", wrong(looks, outcome))
            verdict.say(f"{source}: files {last['files']}, threads {last['threads']}")
            verdict.say(
                f"{source}: {first['memory'] >> 20} to {last['memory'] >> 20} MB, {a_run(looks):.0f} B a run"
            )
    return verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
