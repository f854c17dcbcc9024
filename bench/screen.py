"""The figures on the screen."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.results import BY_HAND
from bench.targets import Verdict

WIDTH = 168
COLUMNS = {
    "s": 7,
    "range": 13,
    "process s": 9,
    "rows/s": 10,
    "x floor": 7,
    "x ours": 7,
    "CPU s": 6,
    "PG CPU": 6,
    "WAL MB": 6,
    "peak MB": 7,
    "rewritten": 9,
    "dead": 9,
}
LEGEND = (
    "s: inside the process, after start and imports. x floor compares these, x ours whole processes. "
    "CPU: of processors, for the process with its start and for PostgreSQL. rewritten, dead: rows."
)
STYLES = {None: "dim", True: "green", False: "red"}


def show(results: dict[str, Any], verdicts: Sequence[Verdict]) -> None:
    """The tables, who took no part, what went wrong, and the targets."""
    console = Console(width=WIDTH, highlight=False)
    console.print(
        f"\n{results['rows']:,} rows, {results['rounds']} rounds, {results['machine']['processor']}"
    )
    for case in results["cases"].values():
        console.print(_table(case))
        for line in _missing(case):
            console.print(line, style="yellow", markup=False)
    console.print(LEGEND, style="dim")
    for name, reason in results["peers_absent"].items():
        console.print(f"{name} took no part: {reason}", style="yellow", markup=False)
    for failure in results["failures"]:
        console.print(failure, style="red", markup=False)
    console.print("\nTargets")
    for verdict in verdicts:
        console.print(str(verdict), style=STYLES[verdict.met], markup=False)


def _table(case: dict[str, Any]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(case["title"], width=44, no_wrap=True)
    for name, width in COLUMNS.items():
        table.add_column(name, justify="right", width=width, no_wrap=True)
    for contender, found in case["contenders"].items():
        if found.get("process_seconds"):
            table.add_row(*_cells(contender, found), style="bold" if contender == "ours" else "")
    return table


def _missing(case: dict[str, Any]) -> Iterator[str]:
    for contender, found in case["contenders"].items():
        for error in found.get("errors", []):
            yield f"  {contender}: {error}"


def _cells(contender: str, found: dict[str, Any]) -> list[str]:
    inside, whole = found["seconds"], found["process_seconds"]
    low, high = (inside or whole)["range"]
    return [
        f"{contender}: {BY_HAND[contender]}" if contender in BY_HAND else contender,
        _number(inside and inside["median"], 2),
        f"{low:.2f}-{high:.2f}",
        _number(whole["median"], 2),
        _number(found["rows_per_s"], 0),
        _number(found["of_floor"], 2),
        _number(found["of_ours"], 2),
        _number(found["cpu_s"], 1),
        _number(found["server_cpu_s"], 1),
        _number(found["wal_mb"], 0),
        _number(found["peak_mb"], 0),
        _number(found["rewritten_rows"], 0),
        _number(found["dead_rows"], 0),
    ]


def _number(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:,.{places}f}"
