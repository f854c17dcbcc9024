"""`kasparro runs`: what ran, one run in full, and stopping one."""

from typing import Any

import click

from cli.flags import Listing, flags, wants
from cli.problems import FAILED, Problem

COUNTED = ("fetched", "inserted", "updated", "rejected")
LISTED = ("source", "run", "state", "asked", *COUNTED, "seconds")


@click.group(cls=Listing)
@flags
def runs() -> None:
    """Look at runs, or cancel one. Alone: the newest ones."""


@runs.command("list")
@click.option("--source", multiple=True, help="Only of this source; may be repeated.")
@click.option(
    "--state",
    multiple=True,
    type=click.Choice(["queued", "running", "succeeded", "failed", "cancelled"]),
    help="Only in this state; may be repeated.",
)
@click.option("-n", "limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@flags
def list_(source: tuple[str, ...], state: tuple[str, ...], limit: int) -> None:
    """The newest runs, newest first."""
    from cli import queries
    from cli.documents import run_document
    from cli.output import print_lines
    from ingest.db import engine

    with engine().connect() as tx:
        rows = queries.newest_runs(tx, {"source": source, "state": state}, limit)
    if wants("json"):
        print_lines(run_document(row) for row in rows)
    else:
        _print(rows)


def _print(rows: list) -> None:
    from cli.output import hint, print_table

    print_table(LISTED, [_line(row) for row in rows])
    hint(f"kasparro runs show {rows[0].id}" if rows else "kasparro run --all")


def _line(row: Any) -> list[Any]:
    from cli.documents import seconds
    from cli.output import relative

    counts = [getattr(row, name) for name in COUNTED]
    return [row.source, str(row.id), row.state, relative(row.created_at), *counts, seconds(row)]


@runs.command()
@click.argument("run_id", metavar="ID", type=int)
@flags
def show(run_id: int) -> None:
    """One run with everything that is known of it."""
    from cli import queries
    from cli.documents import run_document
    from cli.output import print_facts, print_json
    from ingest.db import engine

    with engine().connect() as tx:
        found = queries.runs_by_id(tx, [run_id])
    if not found:
        raise _no_run(run_id)
    document = run_document(found[0])
    if wants("json"):
        return print_json(document)
    counts, parts, error = document.pop("counts"), document.pop("parts"), document.pop("error") or {}
    told = {"parts": parts and f"{parts['done']} of {parts['total']} done"}
    facts = {**document, **told, **counts, **{f"error {name}": value for name, value in error.items()}}
    print_facts({name: value for name, value in facts.items() if value is not None})


@runs.command()
@click.argument("run_id", metavar="ID", type=int)
@flags
def cancel(run_id: int) -> None:
    """Cancel a queued run, or ask a running one to stop at the end of its page."""
    from cli.output import print_json
    from ingest import runs
    from ingest.db import engine

    with engine().begin() as tx:
        state = runs.cancel(tx, run_id)
    if state is None:
        raise _no_run(run_id)
    if state in ("succeeded", "failed"):
        raise Problem(
            f"run {run_id} has ended already: {state}", code=FAILED, next=f"kasparro runs show {run_id}"
        )
    if wants("json"):
        return print_json({"id": run_id, "state": state, "cancel_requested": True})
    told = "is cancelled" if state == "cancelled" else "was asked to stop; its worker does so within seconds"
    click.echo(f"run {run_id} {told}")


def _no_run(run_id: int) -> click.UsageError:
    return click.UsageError(f"there is no run {run_id}; those that are: kasparro runs")
