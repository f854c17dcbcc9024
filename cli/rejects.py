"""`kasparro rejects`: records that were set aside, and dismissing them."""

from typing import Any

import click

from cli.flags import Listing, flags, wants

LISTED = ("id", "source", "run_id", "position", "key", "field", "reason", "message", "state")
MOST_NAMED = 20


@click.group(cls=Listing)
@flags
def rejects() -> None:
    """Look at records that were set aside, or dismiss them. Alone: the newest open ones."""


@rejects.command("list")
@click.option("--source", multiple=True, help="Only of this source; may be repeated.")
@click.option("--reason", multiple=True, help="Only with this reason code; may be repeated.")
@click.option("--run", "run_id", multiple=True, type=int, help="Only of this run; may be repeated.")
@click.option(
    "--state",
    default="open",
    show_default=True,
    type=click.Choice(["open", "resolved", "dismissed", "all"]),
    help="Only in this state.",
)
@click.option("-n", "limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@flags
def list_(limit: int, state: str, **wanted: Any) -> None:
    """The newest rejects, newest first."""
    from cli import queries
    from cli.documents import reject_document
    from cli.output import print_lines
    from ingest.db import engine

    wanted["state"] = () if state == "all" else (state,)
    with engine().connect() as tx:
        rows = queries.newest_rejects(tx, wanted, limit)
        total = queries.count_rejects(tx, wanted) if len(rows) == limit else len(rows)
    if wants("json"):
        print_lines(reject_document(row) for row in rows)
    else:
        _print(rows, total)


def _print(rows: list, total: int) -> None:
    from cli.output import hint, note, print_table

    print_table(LISTED, [_line(row) for row in rows])
    if total > len(rows):
        note(f"{len(rows):,} of {total:,}; more with -n")
    if rows:
        hint(f"kasparro rejects show {rows[0].id}")


def _line(row: Any) -> list[Any]:
    """A reject as one line of a table; ids are names, not amounts."""
    return [str(row.id), row.source, str(row.run_id), *(getattr(row, name) for name in LISTED[3:])]


@rejects.command()
@click.argument("reject_id", metavar="ID", type=int)
@flags
def show(reject_id: int) -> None:
    """One reject with the record's own text."""
    from cli import queries
    from cli.documents import reject_document
    from cli.output import hint, print_facts, print_json
    from ingest.db import engine

    with engine().connect() as tx:
        row = queries.reject(tx, reject_id)
    if row is None:
        raise click.UsageError(f"there is no reject {reject_id}; those that are: kasparro rejects")
    if wants("json"):
        return print_json(reject_document(row))
    print_facts(reject_document(row))
    if row.state == "open":
        hint(f"kasparro rejects dismiss {row.id}")


@rejects.command()
@click.argument("ids", metavar="[ID]...", type=int, nargs=-1)
@click.option("--source", "sources", multiple=True, help="Those of this source; may be repeated.")
@click.option("--reason", "reasons", multiple=True, help="Those with this reason code; may be repeated.")
@flags
def dismiss(ids: tuple[int, ...], sources: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    """Say that open rejects need no more attention: those with these IDs, or all that the options name.

    A record that comes back bad is set aside again.
    """
    if not (ids or sources or reasons):
        raise click.UsageError("name at least one ID, or --source, or --reason")
    from cli.output import note, print_json
    from ingest import verdicts
    from ingest.db import engine

    with engine().begin() as tx:
        done = verdicts.dismiss(tx, ids=ids, sources=sources, reasons=reasons)
    if wants("json"):
        return print_json({"dismissed": done})
    click.echo(f"dismissed: {_named(done)}")
    if others := sorted(set(ids) - set(done)):
        note(f"not open, or not there: {', '.join(map(str, others))}")


def _named(ids: list[int]) -> str:
    """Some ids by name, many by number."""
    return f"{len(ids):,} rejects" if len(ids) > MOST_NAMED else ", ".join(map(str, ids)) or "none"
