"""How things are shown: tables and JSON on stdout, notes and errors on stderr."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import accumulate, compress
from typing import Any

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

# In a pipe nothing is cut and nothing wraps, however wide the line.
PIPE_WIDTH = 100_000
# Texts up to this length are not folded.
SHORT = 14
COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "queued": "cyan",
    "paused": "yellow",
    "open": "yellow",
    "never": "dim",
}
UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def screen() -> Console:
    """The console for data."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False)


def side() -> Console:
    """The console for everything else."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """One JSON object on a line of stdout."""
    click.echo(orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z))


def print_lines(documents: Iterable[Any]) -> None:
    """A list as NDJSON: one object a line."""
    for document in documents:
        print_json(document)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> Table:
    """A table: numbers stand right, states are coloured, long texts fold where there is no room."""
    box, gap = (SIMPLE_HEAD, 1) if sys.stdout.isatty() else (None, 2)
    made = Table(box=box, padding=(0, 0, 0, gap), pad_edge=False, show_edge=False)
    made.title, made.title_justify, made.title_style = title, "left", "bold"
    rows = [list(row) for row in rows]
    for place, (name, wide) in enumerate(zip(columns, _widths(columns, rows), strict=True)):
        number = bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        made.add_column(name, justify="right" if number else "left", no_wrap=wide <= SHORT, overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[int]:
    cells = [columns, *rows]
    return [max(len(shown(row[place])) for row in cells) for place in range(len(columns))]


def fitting(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """How many of the columns, from the left, have room when long texts are folded."""
    ends = accumulate(min(wide, SHORT) + 2 for wide in _widths(columns, rows))
    return sum(end - 2 <= screen().width for end in ends)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """A table on stdout. On a narrow terminal columns that are all 0 go first; then a row is a block."""
    rows = [list(row) for row in rows]
    if rows and fitting(columns, rows) < len(columns):
        telling = [any(row[place] != 0 for row in rows) for place in range(len(columns))]
        columns, rows = [*compress(columns, telling)], [[*compress(row, telling)] for row in rows]
    if fitting(columns, rows) == len(columns):
        return screen().print(table(columns, rows, title=title))
    for row in rows:
        print_facts(dict(zip(columns, row, strict=True)))
        screen().print()


def print_facts(facts: Mapping[str, Any]) -> None:
    """One thing on stdout, a fact a line; long values fold at the terminal's edge."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, cell(value))
    screen().print(grid)


def cell(value: Any) -> Text:
    """A value as a table shows it; never read as markup, for it may come from a stranger."""
    text = shown(value)
    return Text(text, style=COLOURS.get(text, ""))


def shown(value: Any) -> str:
    """A value in words."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def relative(moment: datetime | None) -> str | None:
    """How long ago, or how soon: "5 m ago", "in 2 h"."""
    if moment is None:
        return None
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    return next((f"{int(seconds // size)} {unit}" for size, unit in UNITS if seconds >= size), "0 s")


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A spinner while something takes its time, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    with side().status(Text(doing)):
        yield


def note(message: str) -> None:
    """A line on stderr that is worth its place in a pipe as well."""
    side().print(Text(message))


def hint(command: str) -> None:
    """What to type next; only people need it."""
    if sys.stderr.isatty():
        side().print(Text.assemble("next: ", (command, "bold")))


def complain(message: str, *, label: str = "error", next: str | None = None) -> None:
    """What went wrong, and the next command, on stderr."""
    side().print(Text.assemble((f"{label}: ", "bold red"), message))
    if next is not None:
        side().print(Text.assemble("next: ", (next, "bold")))
