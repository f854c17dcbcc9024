"""`kasparro preview`: what a source would give, without writing anything."""

from typing import TYPE_CHECKING

import click

from cli.flags import flags, wants

if TYPE_CHECKING:
    from cli.sample import Sample

REJECT_COLUMNS = ("position", "key", "field", "reason", "message")


@click.command()
@click.argument("source")
@click.option(
    "-n", "rows", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many rows."
)
@flags
def preview(source: str, rows: int) -> None:
    """See what SOURCE would give.

    Fetches its first page and shows rows and would-be rejects. Writes nothing, and needs neither
    database, Redis nor worker. What is asked of an API counts against your quota there.
    """
    from cli.catalogue import declared_source
    from cli.logs import quiet
    from cli.output import busy, print_json
    from cli.sample import sample

    with quiet(), busy(f"fetching from {source} …"):
        found = sample(declared_source(source), rows)
    if wants("json"):
        return print_json(found.document())
    _print(found)


def _print(found: "Sample") -> None:
    from cli.output import hint, note

    _print_rows(found)
    if found.rejects:
        _print_rejects(found)
    note(
        f"{found.source.name}: {found.pages} page(s) fetched, {found.good:,} good records, "
        f"{len(found.rejects):,} would be rejected; nothing was written"
    )
    hint(f"kasparro run {found.source.name} --local")


def _print_rows(found: "Sample") -> None:
    """As many columns as a terminal can show; in a pipe all of them."""
    from cli.output import fitting, note, print_table

    columns = ["key", *found.fields]
    rows = [[row[name] for name in columns] for row in found.rows]
    room = fitting(columns, rows)
    title = f"first {len(rows)} rows of {found.source.name}"
    print_table(columns[:room], [row[:room] for row in rows], title=title)
    if columns[room:]:
        note(f"not shown for lack of room (--json has them): {', '.join(columns[room:])}")


def _print_rejects(found: "Sample") -> None:
    from cli.output import print_table

    shown = found.rejects[: found.wanted]
    rows = [[getattr(reject, name) for name in REJECT_COLUMNS] for reject in shown]
    print_table(REJECT_COLUMNS, rows, title=f"\nwould be rejected: {len(found.rejects):,}")
