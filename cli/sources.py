"""`kasparro sources`: what is declared, and switching schedules on and off."""

from typing import Any

import click

from cli.flags import Listing, flags, wants


@click.group(cls=Listing)
@flags
def sources() -> None:
    """Look at sources, pause or resume their schedules. Alone: all of them."""


@sources.command("list")
@flags
def list_() -> None:
    """All declared sources."""
    from cli.output import print_lines, print_table

    found = _documents()
    if wants("json"):
        return print_lines(found)
    rows = [
        [
            it["source"],
            it["dataset"],
            it["kind"],
            schedule(it),
            "on" if it["enabled"] else "paused",
            it["upstream"],
        ]
        for it in found
    ]
    print_table(("source", "dataset", "kind", "runs", "schedule", "upstream"), rows)


@sources.command()
@click.argument("name")
@flags
def show(name: str) -> None:
    """One source: its declaration and where it stands."""
    from cli.output import hint, print_facts, print_json
    from cli.ready import named

    (source,) = named([name])
    (document,) = (it for it in _documents() if it["source"] == source.name)
    if wants("json"):
        return print_json(document)
    print_facts({**document, "schedule": schedule(document)})
    hint(f"kasparro preview {name}")


def _documents() -> list[dict[str, Any]]:
    from cli import queries
    from cli.documents import source_document
    from ingest.catalog import catalog
    from ingest.db import engine

    with engine().connect() as tx:
        standing = queries.standing(tx)
    return [source_document(it, standing.get(name)) for name, it in sorted(catalog().sources.items())]


def schedule(document: dict[str, Any]) -> str:
    """When a source runs, in words."""
    from cli.output import span

    when = document["schedule"]
    return f"every {span(when['every_s'])}" if when["every_s"] else when["cron"] or "on request"


@sources.command()
@click.argument("name")
@flags
def pause(name: str) -> None:
    """Take a source off its schedule. A run that is open goes on."""
    _switch(name, enabled=False)


@sources.command()
@click.argument("name")
@flags
def resume(name: str) -> None:
    """Put a source back on its schedule."""
    _switch(name, enabled=True)


def _switch(name: str, *, enabled: bool) -> None:
    from cli.output import hint, print_json
    from cli.ready import check_migrated, named
    from ingest.db import engine
    from ingest.registry import switch

    with engine().begin() as tx:
        check_migrated(tx, named([name]))
        switch(tx, name, enabled=enabled)
    if wants("json"):
        return print_json({"source": name, "enabled": enabled})
    click.echo(f"{name} is {'on its schedule' if enabled else 'paused'}")
    hint("kasparro status" if enabled else f"kasparro sources resume {name}")
