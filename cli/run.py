"""`kasparro run`: request runs and follow them, or carry them out right here."""

import time

import click

from cli.flags import flags, wants
from cli.problems import OPEN, Problem

HOUR = 3600.0


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--all", "everything", is_flag=True, help="Every source that is not paused.")
@click.option("--full", is_flag=True, help="From the beginning, not from the checkpoint.")
@click.option("--local", is_flag=True, help="In this process: needs PostgreSQL, but no worker and no Redis.")
@click.option("--detach", is_flag=True, help="Return as soon as the runs are queued.")
@click.option("--fail-on-rejects", is_flag=True, help="Exit with 3 when records were rejected.")
@click.option(
    "--timeout",
    default=HOUR,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to wait before giving up with 75; the runs go on.",
)
@flags
def run(
    sources: tuple[str, ...],
    everything: bool,
    full: bool,
    local: bool,
    detach: bool,
    fail_on_rejects: bool,
    timeout: float,
) -> None:
    """Run sources and follow them to their end.

    A run that is open already is followed instead of a second one. Ctrl-C leaves queued runs to their
    workers; a --local run is put back into the queue, to go on from its last page.
    """
    if bool(sources) == everything:
        raise click.UsageError("name at least one SOURCE, or --all")
    if local and detach:
        raise click.UsageError("--local works here, so it cannot --detach")
    from cli import asking, ending
    from cli.following import follow
    from cli.logs import quiet
    from cli.working import work

    deadline = time.monotonic() + timeout
    with quiet():
        mode = "full" if full else "incremental"
        asked = asking.ask(sources, mode=mode, deadline=None if detach else deadline)
        if local:
            rows = work([one.run_id for one in asked], deadline=deadline)
        elif detach:
            rows = asking.hand_over(asked)
        else:
            rows = follow(asked, deadline=deadline)
    ending.show(rows, as_json=wants("json"))
    if detach:
        return _tell_open([one.source for one in asked if not one.created])
    ending.leave(rows, fail_on_rejects=fail_on_rejects)


def _tell_open(sources: list[str]) -> None:
    if sources:
        raise Problem(f"already queued or running: {', '.join(sources)}", code=OPEN, next="kasparro status")
