"""A past to count: runs that ended long ago and just now, well and badly."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.web.seeding import Seed

ROWS = ("fetched", "inserted", "updated", "unchanged", "rejected", "superseded")


def ago(**span: float) -> datetime:
    """So long ago."""
    return datetime.now(UTC) - timedelta(**span)


def lived_through(seed: Seed) -> None:
    """Runs of three sources, in and out of the windows, and some rejects."""

    def run(source: str, hours: float, **values: Any) -> None:
        counts = dict.fromkeys(ROWS, 0) | {"fetched": 6, "inserted": 3, "updated": 2, "rejected": 1}
        ended = ago(hours=hours)
        began = {"created_at": ended - timedelta(seconds=5), "started_at": ended - timedelta(seconds=4)}
        seed.run(source, finished_at=ended, pages=2, **(counts | began | values))

    run("prices", 200)
    run("prices", 30, state="failed", error_kind="auth", error_message="401")
    run("prices", 2)
    run("prices", 0.01)
    run("by_hand", 3)
    run("by_hand", 0.5, state="failed", error_kind="file", error_message="gone", lease_expiries=2)
    run("prices_two", 0.2, state="cancelled")
    run("prices_two", 0, state="running", created_at=ago(minutes=3))
    seed.run("by_hand", state="queued", started_at=None, created_at=ago(minutes=7))
    for reason in ("required", "required", "not_a_number"):
        seed.reject(reason=reason)
    seed.reject(state="resolved")
