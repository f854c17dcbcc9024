"""The first run of a demo: asks for every source, waits, shows what happened and where to look next."""

import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local import state
from local.servers import HOST

WAIT_SECONDS = 120
COUNTS = ("fetched", "inserted", "updated", "unchanged", "rejected", "superseded")
BROKEN = {"unchanged": "un-\nchanged", "superseded": "super-\nseded"}  # to fit 80 columns
COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}

Run = dict[str, Any]


class Api:
    """The few calls of a tour, to this machine and through no proxy."""

    def __init__(self, base: str, key: str) -> None:
        """`base` is the address without a slash at the end."""
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["x-api-key"] = key

    def start(self) -> list[str]:
        """Ask for every enabled source; the ids of the runs, those included that are open already."""
        reply = self.session.post(f"{self.base}/run-etl", timeout=30)
        if reply.status_code not in (202, 409):
            raise requests.HTTPError(f"POST /run-etl answered {reply.status_code}: {reply.text[:500]}")
        return [str(run["run_id"]) for run in reply.json().get("runs", [])]

    def run(self, number: str) -> Run:
        """One run as it stands."""
        reply = self.session.get(f"{self.base}/runs/{number}", timeout=30)
        reply.raise_for_status()
        found: Run = reply.json()
        return found


def main() -> None:
    """Show the tour; a call that fails is told, and the system keeps serving."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    base = f"http://{HOST}:{os.environ['PORT']}"
    try:
        with console.status("running every source …"):
            runs = finished(Api(base, os.environ["API_KEY"]), WAIT_SECONDS)
        show(console, runs)
    except requests.RequestException as error:
        console.print(f"[red]The sources could not be run:[/] {escape(str(error))}", soft_wrap=True)
    console.print(guide(base, Path(os.environ["DATA_DIR"])), soft_wrap=True)


def finished(api: Api, seconds: float) -> list[Run]:
    """Every run of the tour, terminal or as it stands when the time is over."""
    limit = time.monotonic() + seconds
    runs = [api.run(number) for number in api.start()]
    while any(run["state"] not in COLOURS for run in runs) and time.monotonic() < limit:
        time.sleep(0.25)
        runs = [run if run["state"] in COLOURS else api.run(str(run["id"])) for run in runs]
    return sorted(runs, key=lambda run: str(run["source"]))


def show(console: Console, runs: Sequence[Run]) -> None:
    """The table, and the reason of each run that did not succeed."""
    table = Table(title="What the first run did", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in ("source", "state"):
        table.add_column(name, no_wrap=True)
    for name in (*COUNTS, "seconds"):
        table.add_column(BROKEN.get(name, name), justify="right", no_wrap=True)
    for run in runs:
        state_text = f"[{COLOURS.get(run['state'], 'yellow')}]{run['state']}[/]"
        counts = [f"{run['counts'].get(name, 0):,}" for name in COUNTS]
        table.add_row(escape(run["source"]), state_text, *counts, took(run))
    console.print(table)
    for run in runs:
        if error := run.get("error"):
            console.print(
                f"[red]{escape(run['source'])}[/]: {escape(error['kind'])}: {escape(error['message'])}"
            )


def took(run: Run) -> str:
    """How long a run took, in seconds; a hyphen while it runs."""
    if not (run.get("started_at") and run.get("finished_at")):
        return "-"
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return f"{(ended - began).total_seconds():.1f}"


def guide(base: str, folder: Path) -> str:
    """Where to look, what to try, how to stop."""
    made, flower = state.made_secrets(folder), f"http://{HOST}:{os.environ['FLOWER_PORT']}"
    own = made["api_key"] == os.environ["API_KEY"]
    key = made["api_key"] if own else "$API_KEY"
    return f"""
[bold]Look[/]
  data      {base}/data
  health    {base}/health
  stats     {base}/stats
  docs      {base}/docs
  metrics   {base}/metrics
  flower    {flower}   (user flower, password {made["flower_password"]})
  API key   {key if own else "the one in $API_KEY, as you set it"}
  logs      {folder}/logs

[bold]Try[/]
  curl '{base}/data?limit=3'
  curl -X POST -H 'x-api-key: {key}' {base}/run-etl
  ./kasparro status

Ctrl-C stops everything; your data stays in {escape(os.path.relpath(folder))}
"""


if __name__ == "__main__":
    main()
