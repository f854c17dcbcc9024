"""`make bench`: every case beside the floor and the peers, checked, shown, kept and drawn.

    make bench ROWS=1000000 ROUNDS=5 PEERS=all
    make bench ROWS=100000 ROUNDS=1 PEERS=none CASES=first,full

The exit status is 1 when one of our processes failed, or when anybody's table holds what it should not.
"""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.chains import CASES
from bench.chart import chart
from bench.growth import GROWTH, growth
from bench.machine import machine, settings, versions
from bench.peers.venvs import pinned, ready
from bench.results import BY_HAND, OURS, Rounds, summary
from bench.rounds import rounds
from bench.screen import show
from bench.site import site, temporary
from bench.targets import TARGETS

GROWS = "growth"
OUT = Path(__file__).parent / "out"


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of the files.")
@click.option("--rounds", "many", default=5, show_default=True, help="How often to measure.")
@click.option("--peers", default="none", show_default=True, help="none, all, or names: dlt-arrow,sling.")
@click.option("--cases", default=",".join(CASES), show_default=True, help="Which cases; growth is one more.")
@click.option("--out", default=OUT, type=click.Path(path_type=Path), help="Where the results go.")
def main(rows: int, many: int, peers: str, cases: str, out: Path) -> None:
    """Measure, check, show, keep and draw."""
    asked = _asked(cases)
    present, absent = ready(peers)
    with temporary() as folder, site(folder) as at:
        known = {"machine": machine(), "versions": versions(at), "settings": settings()}
        taken = list(rounds(at, rows, many, asked, present)) if asked & CASES.keys() else []
        taken += growth(at, rows, many) if GROWS in asked else []
    verdicts = [target.judge(taken) for target in TARGETS]
    results = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": rows,
        "rounds": many,
        **known,
        "peer_versions": {peer.needs: pinned(peer.needs) for peer in present},
        "cases": summary(taken, CASES | GROWTH, rows),
        "peers_absent": absent,
        "targets": [asdict(verdict) for verdict in verdicts],
        "failures": failures(taken),
    }
    keep(results, out)
    show(results, verdicts)
    sys.exit(1 if results["failures"] else 0)


def _asked(cases: str) -> set[str]:
    asked = {name.strip() for name in cases.split(",")}
    if unknown := asked - {*CASES, GROWS}:
        told = f"no case {', '.join(sorted(unknown))}; there are {', '.join((*CASES, GROWS))}"
        raise click.BadParameter(told, param_hint="--cases")
    return asked


def failures(taken: Rounds) -> list[str]:
    """What makes the run worthless: our own processes that failed, and wrong tables, whose ever they are."""
    return [
        f"{sample.case}, {sample.contender}: {sample.error}"
        for samples in taken
        for sample in samples
        if sample.error and (sample.contender in (*BY_HAND, OURS) or sample.error.startswith("wrong content"))
    ]


def keep(results: dict[str, Any], out: Path) -> None:
    """Write the results as JSON and as a chart."""
    out.mkdir(exist_ok=True, parents=True)
    (out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (out / "chart.svg").write_text(chart(results))


if __name__ == "__main__":
    main()
