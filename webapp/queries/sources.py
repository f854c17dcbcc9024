"""What is known of each source at run time: switched on or off, its last runs, its open rejects."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Lateral, Row, func, select, true

from ingest.declared import Source as Declared
from ingest.schedule import next_slot
from models import PULLS, TERMINAL_STATES, Reject, Run, Source
from webapp.database import db

# A tick, its message and a busy worker take a moment; only then is a source late.
GRACE_S = 60
RUNS_SHOWN = 30


def _latest(name: str, *states: str) -> Lateral:
    """The newest pull of each source in one of the states, or in any: a replay makes nothing fresher."""
    mine = select(Run).where(Run.source == Source.name, Run.mode.in_(PULLS))
    chosen = mine.where(Run.state.in_(states)) if states else mine
    return chosen.order_by(Run.id.desc()).limit(1).lateral(name)


def runtime() -> dict[str, Row[Any]]:
    """By source: the switch, its last run, when it last succeeded and failed, its open rejects."""
    last, good, bad = _latest("last"), _latest("good", "succeeded"), _latest("bad", "failed")
    ended = _latest("ended", *TERMINAL_STATES)
    rejects = (
        select(func.count()).where(Reject.source == Source.name, Reject.state == "open").scalar_subquery()
    )
    columns = [last.c[name] for name in ("id", "state", "created_at", "started_at", "finished_at")]
    rows = db.session.execute(
        select(
            Source.name,
            Source.enabled,
            Source.created_at.label("known_since"),
            *columns,
            last.c.error_message,
            good.c.finished_at.label("last_success_at"),
            bad.c.finished_at.label("last_failure_at"),
            ended.c.state.label("last_outcome"),
            rejects.label("rejects_open"),
        )
        .select_from(Source)
        .outerjoin(last, true())
        .outerjoin(good, true())
        .outerjoin(bad, true())
        .outerjoin(ended, true())
    )
    return {row.name: row for row in rows}


def last_run(row: Row[Any] | None) -> dict[str, Any] | None:
    """The last run of a row of `runtime`, as the API shows it."""
    if row is None or row.id is None:
        return None
    names = ("id", "state", "created_at", "started_at", "finished_at", "error_message")
    return {name: getattr(row, name) for name in names}


def next_due(source: Declared, row: Row[Any] | None) -> datetime | None:
    """When the source should run next: the first slot after its last run, so a past time means late."""
    if row is not None and not row.enabled:
        return None
    seen = (row.created_at or row.known_since) if row is not None else datetime.now(UTC)
    return next_slot(source, seen)


def late_by_s(source: Declared, row: Row[Any] | None) -> int:
    """Seconds since the source was due, beyond the grace; 0 while a run is open."""
    due = next_due(source, row)
    if due is None or (row is not None and row.state in ("queued", "running")):
        return 0
    late = int((datetime.now(UTC) - due).total_seconds())
    return late if late > GRACE_S else 0


def document(source: Declared, row: Row[Any] | None) -> dict[str, Any]:
    """A source as /sources shows it: what is declared and where it stands. Secrets by name only."""
    return {
        "source": source.name,
        "dataset": source.dataset.name,
        "kind": source.kind,
        "description": source.description,
        "upstream": source.upstream,
        "key": list(source.key),
        "fields": {mapping.field: mapping.path or "(constant)" for mapping in source.mapping},
        "schedule": {"every_s": source.every and int(source.every.total_seconds()), "cron": source.cron},
        "keep_raw_days": source.keep_raw.days,
        "secrets": list(source.secrets),
        "digest": source.digest,
        "enabled": row is None or row.enabled,
        "last_run": last_run(row),
        "next_due_at": next_due(source, row),
        "rejects_open": row.rejects_open if row is not None else 0,
    }


def recent_fetched() -> dict[str, list[int]]:
    """By source: the records fetched by each of its last ended pulls, oldest first."""
    pulls = select(Run.id, Run.fetched).where(Run.source == Source.name, Run.mode.in_(PULLS))
    ended = pulls.where(Run.state.in_(TERMINAL_STATES))
    recent = ended.order_by(Run.id.desc()).limit(RUNS_SHOWN).lateral("recent")
    rows: Sequence[Any] = db.session.execute(
        select(Source.name, recent.c.fetched)
        .select_from(Source)
        .join(recent, true())
        .order_by(Source.name, recent.c.id)
    ).all()
    found: dict[str, list[int]] = {}
    for name, fetched in rows:
        found.setdefault(name, []).append(fetched)
    return found
