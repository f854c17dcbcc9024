"""`kasparro check`: whether everything is in place, and how to mend what is not."""

from typing import TYPE_CHECKING

import click

from cli.flags import flags, wants
from cli.problems import CONFIG, SERVERS, UPSTREAM, Quit

if TYPE_CHECKING:
    from cli.checks import Finding

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
WORST = (CONFIG, SERVERS, UPSTREAM)


@click.command()
@flags
def check() -> None:
    """See whether everything is in place, and how to mend it.

    Looks at catalogue, settings, database, Redis, workers and each source's upstream.

    Asks no API anything: of an upstream it only sees whether a connection opens.
    """
    from cli.checks import findings
    from cli.logs import quiet
    from cli.output import print_json

    codes = []
    with quiet():
        for found in findings():
            print_json(found.document()) if wants("json") else _print(found)
            codes += [found.code] if found.state == "fail" else []
    if codes:
        raise Quit(min(codes, key=WORST.index))


def _print(found: "Finding") -> None:
    from rich.text import Text

    from cli.output import screen

    mark, colour = MARKS[found.state]
    screen().print(Text.assemble((mark, colour), f" {found.name}: {found.detail}"), soft_wrap=True)
    if found.fix is not None:
        screen().print(Text.assemble("  fix: ", (found.fix, "bold")), soft_wrap=True)
