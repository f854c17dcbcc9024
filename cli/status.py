"""`kasparro status`: how every source stands, at one glance."""

import sys
import time
from typing import Any

import click

from cli.flags import flags, wants

EVERY_SECONDS = 2
COLUMNS = ("source", "state", "run", "last success", "next due", "open rejects", "items")


@click.command()
@click.option("--watch", is_flag=True, help="Keep it up to date until Ctrl-C.")
@flags
def status(watch: bool) -> None:
    """How every source stands.

    Its last run, last success, next due time, open rejects and items; and who works.
    """
    from cli.output import print_json, screen

    if watch and (wants("json") or not sys.stdout.isatty()):
        raise click.UsageError("--watch draws on a terminal; elsewhere call it again")
    if watch:
        return _watch()
    document = _document()
    if wants("json"):
        return print_json(document)
    screen().print(_drawn(document))


def _document() -> dict[str, Any]:
    from cli import queries
    from cli.documents import status_document
    from cli.ready import check_migrated
    from ingest.catalog import catalog
    from ingest.db import engine

    declared = catalog()
    with engine().connect() as tx:
        check_migrated(tx)
        standing = queries.standing(tx)
        items = queries.items_by_source(tx, declared.datasets.values())
    sources = [
        status_document(source, standing.get(name), items.get(name, 0))
        for name, source in sorted(declared.sources.items())
    ]
    return {"sources": sources, "workers": _seen()}


def _seen() -> dict[str, float] | None:
    """Seconds since each role was seen; None when Redis is away, for then nobody knows."""
    from redis import RedisError

    from cli.alive import ages

    try:
        return ages()
    except RedisError:
        return None


def _drawn(document: dict[str, Any]) -> Any:
    from rich.console import Group

    from cli.output import table

    rows = [_row(source) for source in document["sources"]]
    return Group(table(COLUMNS, rows), "", _workers(document["workers"]))


def _row(source: dict[str, Any]) -> list[Any]:
    from cli.output import relative

    last = source["last_run"] or {"id": None, "state": "never"}
    return [
        source["source"],
        last["state"],
        last["id"] and str(last["id"]),
        relative(source["last_success_at"]),
        _due(source),
        source["rejects_open"],
        source["items"],
    ]


def _due(source: dict[str, Any]) -> str | None:
    from cli.output import relative

    if not source["enabled"]:
        return "paused"
    due = relative(source["next_due_at"])
    return f"was due {due}" if due and due.endswith("ago") else due


def _workers(seen: dict[str, float] | None) -> Any:
    from rich.text import Text

    from cli.output import span
    from ingest.heartbeat import ROLES

    if seen is None:
        return Text("Redis does not answer, so nobody knows which workers are alive", style="yellow")
    told = [f"{role} seen {span(seen[role])} ago" if role in seen else f"{role} not seen" for role in ROLES]
    return Text(" · ".join(told))


def _watch() -> None:
    from rich.live import Live

    from cli.output import screen

    with Live(_drawn(_document()), console=screen(), screen=False, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_SECONDS)
            live.update(_drawn(_document()), refresh=True)
