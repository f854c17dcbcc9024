"""Following runs that workers carry out."""

import time
from collections.abc import Sequence
from typing import Any

from redis import RedisError
from sqlalchemy import Row

from cli import queries
from cli.alive import ages, silent
from cli.asking import hand_over
from cli.output import note
from cli.problems import STOPPED, WAITED, Problem
from cli.progress import LOOK_EVERY, progress
from ingest.db import engine
from ingest.runs import Requested
from models import TERMINAL_STATES

PATIENCE = 5.0


def follow(asked: Sequence[Requested], *, deadline: float) -> list[Row[Any]]:
    """Hand the runs over to workers; return them as soon as all have ended.

    Raises Problem at the deadline and at Ctrl-C; the runs go on.
    """
    ids = [one.run_id for one in asked]
    try:
        hand_over(asked)
        return _follow(ids, deadline)
    except KeyboardInterrupt as stop:
        raise Problem(left(ids), code=STOPPED, next=look(ids)) from stop


def _follow(ids: Sequence[int], deadline: float) -> list[Row[Any]]:
    alone = time.monotonic() + PATIENCE
    with progress() as show:
        while True:
            rows = _rows(ids)
            show(rows)
            if ended(rows):
                return rows
            now = time.monotonic()
            if now > deadline:
                raise Problem(f"timed out; {left(ids)}", code=WAITED, next=look(ids))
            if now > alone and all(row.state == "queued" for row in rows):
                _tell_whether_anybody_works()
                alone = deadline
            time.sleep(LOOK_EVERY)


def _rows(ids: Sequence[int]) -> list[Row[Any]]:
    with engine().connect() as tx:
        return queries.runs_by_id(tx, ids)


def ended(rows: Sequence[Row[Any]]) -> bool:
    """Whether all runs have ended."""
    return all(row.state in TERMINAL_STATES for row in rows)


def _tell_whether_anybody_works() -> None:
    try:
        working = "worker" not in silent(ages())
    except RedisError:
        working = False
    if not working:
        note("still queued, and no worker was seen: start one, or Ctrl-C and run it here with --local")


def left(ids: Sequence[int]) -> str:
    """What becomes of runs that nobody follows any longer."""
    numbers = ", ".join(map(str, ids))
    return f"run {numbers} goes on without us" if len(ids) == 1 else f"runs {numbers} go on without us"


def look(ids: Sequence[int]) -> str:
    """The command that shows them."""
    return f"kasparro runs show {ids[0]}" if len(ids) == 1 else "kasparro runs"
