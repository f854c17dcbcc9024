"""Numbers for dashboards and scripts. All of one answer come from one snapshot, so they add up."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import Row, func, or_, select

from ingest.catalog import catalog
from ingest.declared import Source
from ingest.heartbeat import seen
from ingest.settings import settings
from models import OPEN_STATES, RUN_STATES, Run
from webapp.database import db
from webapp.queries import sources
from webapp.queries.runs import OUTCOMES

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
ROWS = ("fetched", *OUTCOMES)


def answer(window: str) -> dict[str, Any]:
    """Everything that /stats shows for a window: runs that ended in it, and those that are open."""
    now = datetime.now(UTC)
    counted = _counted(now - WINDOWS[window])
    known, recent = sources.runtime(), sources.recent_fetched()
    return {
        "generated_at": now,
        "window": window,
        "queue": queue(),
        "workers": workers(),
        "runs": _runs(counted),
        "rows": _rows(counted),
        "sources": [
            _source(
                source, known.get(name), [row for row in counted if row.source == name], recent.get(name, [])
            )
            for name, source in sorted(catalog().sources.items())
        ],
    }


def _counted(since: datetime) -> list[Row[Any]]:
    """By source and state: how many runs, what they did to rows, how long they took."""
    took = func.extract("epoch", Run.finished_at - Run.started_at)
    return list(
        db.session.execute(
            select(
                Run.source,
                Run.state,
                func.count().label("runs"),
                *(func.sum(getattr(Run, name)).label(name) for name in ROWS),
                func.count(took).label("timed"),
                func.coalesce(func.sum(took), 0).label("seconds"),
                func.max(took).label("longest"),
            )
            .where(or_(Run.finished_at >= since, Run.state.in_(OPEN_STATES)))
            .group_by(Run.source, Run.state)
        )
    )


def _runs(counted: Iterable[Row[Any]]) -> dict[str, int]:
    found = dict.fromkeys(RUN_STATES, 0)
    for row in counted:
        found[row.state] += row.runs
    return found


def _rows(counted: Iterable[Row[Any]]) -> dict[str, int]:
    return {name: sum(int(getattr(row, name)) for row in counted) for name in ROWS}


def _durations(counted: list[Row[Any]]) -> dict[str, float | None]:
    timed = sum(row.timed for row in counted)
    longest = [row.longest for row in counted if row.longest is not None]
    mean = float(sum(row.seconds for row in counted)) / timed if timed else None
    return {
        "mean_s": mean and round(mean, 3),
        "longest_s": round(float(max(longest)), 3) if longest else None,
    }


def _source(
    source: Source, known: Row[Any] | None, counted: list[Row[Any]], recent: list[int]
) -> dict[str, Any]:
    late = sources.late_by_s(source, known)
    success = known.last_success_at if known is not None else None
    return {
        "source": source.name,
        "dataset": source.dataset.name,
        "health": health(known, late),
        "runs": _runs(counted),
        "rows": _rows(counted),
        "duration": _durations(counted),
        "last_run": sources.last_run(known),
        "last_success_at": success,
        "last_failure_at": known.last_failure_at if known is not None else None,
        "freshness_s": int((datetime.now(UTC) - success).total_seconds()) if success else None,
        "next_due_at": sources.next_due(source, known),
        "late_by_s": late,
        "rejects_open": known.rejects_open if known is not None else 0,
        "rows_per_run": recent,
    }


def health(known: Row[Any] | None, late_s: int) -> str:
    """One word for a source: unknown, healthy, warning, degraded."""
    if known is None or known.last_outcome is None:
        return "unknown"
    if known.last_outcome == "failed":
        return "degraded"
    return "warning" if late_s or known.rejects_open else "healthy"


def queue() -> dict[str, Any]:
    """How many runs wait and run, and how long the oldest has waited, in seconds."""
    waiting, oldest = Run.state == "queued", func.min(Run.created_at).filter(Run.state == "queued")
    age = func.coalesce(func.extract("epoch", func.now() - oldest), 0)
    row = db.session.execute(
        select(
            func.count().filter(waiting).label("ready"),
            func.count().filter(Run.state == "running").label("running"),
            age.label("oldest_age_s"),
        ).where(Run.state.in_(OPEN_STATES))
    ).one()
    return {"ready": row.ready, "running": row.running, "oldest_age_s": int(row.oldest_age_s)}


def workers() -> dict[str, float] | None:
    """Seconds since each role was last seen; None when Redis is away, for then nobody knows."""
    try:
        return {role: round(age, 1) for role, age in seen(settings().redis_url).items()}
    except RedisError:
        return None
