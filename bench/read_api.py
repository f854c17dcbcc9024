"""`make bench-read`: /data of the real application beside a bare Flask route and FastAPI, on a million rows.

    make bench-read ROUNDS=3 SECONDS=5
    make bench-read ARGS="--servers"

All contenders answer the same rows from the same PostgreSQL, each in turn in every round, each by two
processes. `--servers` adds the same application behind other servers. Details go to bench/out/read.json.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench import read_cases as cases
from bench.peers.venvs import why_not
from bench.read_load import tool
from bench.read_rows import stocked
from bench.read_servers import MAIN, OTHERS, Server, serving

OUT = Path(__file__).parent / "out"
LOG = OUT / "read.log"
Figures = dict[str, dict[str, list[float]]]


def available(servers: tuple[Server, ...]) -> tuple[list[Server], dict[str, str]]:
    """Those that can run, and why the others cannot."""
    absent = {server.name: reason for server in servers if server.needs and (reason := why_not(server.needs))}
    return [server for server in servers if server.name not in absent], absent


def same_rows(servers: list[Server]) -> None:
    """Fail unless all answer the same rows, digit by digit."""
    answers = {}
    for server in servers:
        with serving(server, LOG) as at:
            answers[server.name] = cases.rows(at)
    for name, rows in answers.items():
        if rows != answers["ours"]:
            raise click.ClickException(f"{name} answers other rows than ours")


def measured(servers: list[Server], rounds: int, seconds: int, rows: int) -> Figures:
    """Every figure of every round; the order turns, so that nobody is always first."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        for server in servers[number % len(servers) :] + servers[: number % len(servers)]:
            with serving(server, LOG) as at:
                _keep(figures[server.name], "", cases.page(at, seconds))
                if server.name == "ours":
                    _only_ours(figures[server.name], at, seconds, rows)
    return figures


def _only_ours(figures: dict[str, list[float]], at: Any, seconds: int, rows: int) -> None:
    _keep(figures, "page ", cases.far(at, rows // 100, seconds))
    _keep(figures, "walk ", cases.walk(at))
    for format in ("ndjson", "csv"):
        _keep(figures, f"{format} ", cases.export(at, format, rows))


def _keep(figures: dict[str, list[float]], prefix: str, found: Mapping[str, float]) -> None:
    for name, value in found.items():
        figures[prefix + name].append(round(value, 3))


def targets(figures: Figures) -> list[tuple[str, bool | None]]:
    """Each target with its figure, and whether it is met; None: it could not be measured."""
    ours = figures["ours"]
    depth = _ratio(ours["page far_p99_ms"], ours["page first_p99_ms"])
    ndjson = statistics.median(ours["ndjson rows_per_s"])
    grew = max(ours["ndjson server_grew_mb"])
    return [
        _beside("bare Flask", 0.9, figures),
        _beside("FastAPI", 1.0, figures),
        (f"p99 of the last page is {depth:.2f} x that of the first; at most 1.5", depth <= 1.5),
        (f"NDJSON {ndjson:,.0f} rows/s; at least 200,000", ndjson >= 200_000),
        (f"the server grew by {grew:.0f} MB at most while it exported; at most 32", grew <= 32),
    ]


def _beside(name: str, least: float, figures: Figures) -> tuple[str, bool | None]:
    if name not in figures:
        return f"{name} took no part", None
    found = _ratio(figures["ours"]["requests_per_s"], figures[name]["requests_per_s"])
    return f"{found:.2f} x the requests/s of {name}; at least {least}", found >= least


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the rounds' ratios: what disturbs a round disturbs both."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "requests/s": ("requests_per_s", "{:,.0f}".format),
    "p50 ms": ("p50_ms", "{:.1f}".format),
    "p99 ms": ("p99_ms", "{:.1f}".format),
    "CPU us/request": ("server_us", "{:,.0f}".format),
    "MB": ("memory_mb", "{:.0f}".format),
}


def show(figures: Figures, missing: Mapping[str, str], found: list[tuple[str, bool | None]]) -> None:
    """Medians and ranges, who is missing, and the targets."""
    console = Console(width=140, highlight=False)
    table = Table("GET /data?limit=100", *COLUMNS, box=SIMPLE)
    for name, figure in figures.items():
        table.add_row(name, *(_range(figure[key], form) for key, form in COLUMNS.values()))
    console.print(table)
    for name, values in figures["ours"].items():
        if " " in name:
            console.print(f"{name}: {_range(values, '{:,.1f}'.format)}", markup=False)
    for name, reason in missing.items():
        console.print(f"{name} is missing: {reason}", markup=False)
    for line, met in found:
        console.print(
            f"{'not measured' if met is None else 'met' if met else 'MISSED'}: {line}", markup=False
        )


def _range(values: list[float], form: Callable[[float], str]) -> str:
    return f"{form(statistics.median(values))} ({form(min(values))}-{form(max(values))})"


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Items in the table.")
@click.option("--rounds", default=3, show_default=True, help="How often each contender is measured.")
@click.option("--seconds", default=5, show_default=True, help="How long each is asked.")
@click.option("--servers", is_flag=True, help="The same application behind other servers, too.")
def main(rows: int, rounds: int, seconds: int, servers: bool) -> None:
    """Measure, check, show, and keep the results."""
    OUT.mkdir(exist_ok=True)
    LOG.unlink(missing_ok=True)
    able, missing = available(MAIN + (OTHERS if servers else ()))
    with stocked(rows):
        same_rows(able)
        figures = measured(able, rounds, seconds, rows)
    found = targets(figures)
    results = {"rows": rows, "seconds": seconds, "asked_by": tool(), "missing": missing, "figures": figures}
    kept = results | {"targets": [{"target": line, "met": met} for line, met in found]}
    (OUT / "read.json").write_text(json.dumps(kept, indent=2) + "\n")
    Console().print(f"{rows:,} rows, asked by {tool()}", highlight=False)
    show(figures, missing, found)


if __name__ == "__main__":
    main()
