"""What runs came to: the table, the reasons, what to type next, and the exit code."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from cli.documents import RUN_COLUMNS, run_document, run_row
from cli.output import complain, hint, print_lines, print_table
from cli.problems import AWAY_KINDS, FAILED, OK, REJECTS, Quit, failure_code
from models import REPLAYS

# An upstream that is away is told from a run that failed only when nothing else is wrong.
WORST = (FAILED, failure_code(AWAY_KINDS[0]), REJECTS, OK)


def show(rows: Sequence[Row[Any]], *, as_json: bool) -> None:
    """Print one line a run."""
    if as_json:
        print_lines(run_document(row) for row in rows)
    elif rows:
        print_table(RUN_COLUMNS, map(run_row, rows))


def leave(rows: Sequence[Row[Any]], *, fail_on_rejects: bool) -> None:
    """Say why runs failed and what to type next. Raises Quit where the exit code is not 0."""
    for row in rows:
        if row.state != "succeeded":
            _complain(row)
    if rejected := [row for row in rows if row.rejected]:
        hint(_where(rejected[0]) if len(rejected) == 1 else "kasparro rejects")
    elif rows and all(row.state == "succeeded" for row in rows):
        hint("kasparro status")
    if code := min((_code(row, fail_on_rejects) for row in rows), key=WORST.index, default=OK):
        raise Quit(code)


def _where(row: Row[Any]) -> str:
    """The command that shows a run's rejects; what a replay judged belongs to the runs that fetched it."""
    wanted = f"--source {row.source}" if row.mode in REPLAYS else f"--run {row.id}"
    return f"kasparro rejects {wanted}"


def _complain(row: Row[Any]) -> None:
    why = f": {row.error_message}" if row.error_message else ""
    reason = f" ({row.error_kind})" if row.error_kind else ""
    next = "kasparro check" if failure_code(row.error_kind) != FAILED else f"kasparro runs show {row.id}"
    complain(f"run {row.id} of {row.source} {row.state}{reason}{why}", next=next)


def _code(row: Row[Any], fail_on_rejects: bool) -> int:
    if row.state != "succeeded":
        return failure_code(row.error_kind)
    return REJECTS if row.rejected and fail_on_rejects else OK
