"""`python -m cli`: the group of all commands."""

from typing import Any

import click

from cli.check import check
from cli.flags import flags, wants
from cli.keys import keys
from cli.migrate import migrate
from cli.preview import preview
from cli.problems import CODES, explained
from cli.rejects import rejects
from cli.replay import replay
from cli.run import run
from cli.runs import runs
from cli.sources import sources
from cli.status import status

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in CODES.items())


class Kasparro(click.Group):
    """Turns whatever goes wrong into words and an exit code, once, for every command."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; `--debug` shows where an error came from as well."""
        with explained(debug=lambda: wants("debug")):
            return super().invoke(ctx)


@click.group(cls=Kasparro, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@flags
def kasparro() -> None:
    """Pull data from APIs, files and feeds into PostgreSQL, and never lose or double a row.

    First steps: check, preview SOURCE, run SOURCE, status.
    """


for command in (check, preview, run, status, runs, rejects, replay, sources, migrate, keys):
    kasparro.add_command(command)


if __name__ == "__main__":
    kasparro(prog_name="kasparro")
