"""`kasparro replay`: records judged again from the raw pages that were kept."""

import time
from typing import Any

import click

from cli.flags import flags, wants
from cli.run import HOUR

COLUMNS = ("field", "reason", "records")


@click.command()
@click.argument("source")
@click.option("--all", "everything", is_flag=True, help="Every record of every kept page, not rejects alone.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be mended and what would remain.")
@click.option("--local", is_flag=True, help="In this process: needs PostgreSQL, but no worker and no Redis.")
@click.option(
    "--timeout",
    default=HOUR,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to wait before giving up with 75; the replay goes on.",
)
@flags
def replay(source: str, everything: bool, dry_run: bool, local: bool, timeout: float) -> None:
    """Judge the open rejects of SOURCE again, by today's declaration.

    Reads the raw pages that were kept; the upstream is not asked. What is accepted becomes an item, unless
    a newer one stands; what is not stays open with its newest reason. Waits for a run of SOURCE that is open.
    """
    from cli.logs import quiet

    mode = "reload" if everything else "replay"
    with quiet():
        if dry_run:
            return _rehearse(source, mode)
        _replay(source, mode, local=local, deadline=time.monotonic() + timeout)


def _replay(name: str, mode: str, *, local: bool, deadline: float) -> None:
    from cli import ending
    from cli.asking import ask
    from cli.following import follow
    from cli.working import work

    asked = ask([name], mode=mode, deadline=deadline)
    rows = work([asked[0].run_id], deadline=deadline) if local else follow(asked, deadline=deadline)
    ending.show(rows, as_json=wants("json"))
    _tell_lost(name)
    ending.leave(rows, fail_on_rejects=False)


def _tell_lost(name: str) -> None:
    from cli.output import note
    from ingest.db import engine
    from ingest.kept import without_page

    with engine().connect() as tx:
        lost = without_page(tx, name)
    if lost:
        note(_lost(name, lost))


def _lost(name: str, many: int) -> str:
    return (
        f"{many:,} open rejects have no raw page any more and were not judged; "
        f"fetch anew: kasparro run {name} --full"
    )


def _rehearse(name: str, mode: str) -> None:
    from cli.output import busy, print_json
    from cli.ready import check_migrated, named
    from ingest.db import engine
    from ingest.rehearsal import rehearse

    (source,) = named([name])
    with engine().connect() as tx:
        check_migrated(tx, [source])
    with busy(f"judging kept pages of {name} …"):
        told = rehearse(engine(), source, mode)
    if wants("json"):
        return print_json({"source": name, "mode": mode, **told.document()})
    _print(name, told)


def _print(name: str, told: Any) -> None:
    from cli.output import hint, note, print_table

    stay = told.judged - told.accepted
    click.echo(f"{name}: {told.judged:,} records judged, {told.mended:,} open rejects would be mended")
    if stay:
        title = f"would be refused: {stay:,}"
        print_table(COLUMNS, [list(line.values()) for line in told.refused()], title=title)
    if told.unread:
        note(f"{told.unread:,} raw pages do not fit the declaration any more")
    if told.without_page:
        note(_lost(name, told.without_page))
    note("nothing was written")
    hint(f"kasparro replay {name}" if told.mended else f"kasparro rejects --source {name}")
