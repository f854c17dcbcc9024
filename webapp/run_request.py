"""Requesting runs: the rows are committed first, then workers are told; a dead broker costs time only."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from flask import g
from sqlalchemy import Connection, text

from ingest import runs
from ingest.catalog import catalog
from ingest.db import engine
from ingest.registry import register
from models import REPLAYS, TERMINAL_STATES
from tasks.runs import publish
from webapp.arguments import hint, nearest
from webapp.auth import asked_by
from webapp.errors import refuse
from webapp.queries.runs import enabled_sources, with_key
from webapp.wire import json_bytes

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 4711003))")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """One run of the reply. `dispatched` is False when workers will hear of it only from the reconciler."""

    run_id: int
    source: str
    state: str
    created: bool
    dispatched: bool


@dataclass(frozen=True)
class Outcome:
    """All runs of the reply, and whether an earlier request with the same key made them."""

    runs: list[Answer]
    replayed: bool

    @property
    def created(self) -> list[Answer]:
        """The runs that this request, or the one that it repeats, made."""
        return [run for run in self.runs if run.created]

    def document(self) -> list[dict[str, Any]]:
        """The runs as plain values."""
        return [asdict(run) for run in self.runs]


def request_runs(body: dict[str, Any], key: str | None) -> Outcome:
    """Create a run for each source that was asked for and has none open; tell the workers."""
    wanted = _known(body.get("source"))
    with engine().begin() as tx:
        if key is not None and (earlier := _earlier(tx, key, _hash(body))):
            return Outcome(earlier, replayed=True)
        names = wanted or enabled_sources(tx, list(catalog().sources))
        requested = [_request(tx, name, body, key) for name in sorted(names)]
    log.info("runs requested", by=asked_by(), runs=[run.run_id for run in requested if run.created])
    return Outcome(_dispatched(requested), replayed=False)


def _known(source: str | list[str] | None) -> list[str]:
    names = [source] if isinstance(source, str) else list(dict.fromkeys(source or []))
    for name in names:
        if name not in catalog().sources:
            refuse_unknown(name)
    return names


def refuse_unknown(name: str) -> None:
    """Answer 404 with the source that is probably meant."""
    known = catalog().sources
    refuse(404, f"There is no source {name!r}. {hint(name, known)}", suggestion=nearest(name, known))


def _hash(body: dict[str, Any]) -> str:
    return hashlib.sha256(json_bytes(sorted(body.items()))).hexdigest()


def _earlier(tx: Connection, key: str, hash: str) -> list[Answer]:
    """The runs of an earlier request with this key by the same asker; such requests wait for each other."""
    asker = asked_by()
    tx.execute(ONE_AT_A_TIME, {"key": f"{asker} {key}"})
    found = with_key(tx, key, asker)
    if any(run.request_hash != hash for run in found):
        refuse(422, "This Idempotency-Key came with another body before. Use a new key for a new request.")
    return [Answer(run.id, run.source, run.state, True, run.published_at is not None) for run in found]


def _request(tx: Connection, name: str, body: dict[str, Any], key: str | None) -> runs.Requested:
    register(tx, [catalog().sources[name]])
    requested = _try(tx, name, body, key)
    # The run in the way may have ended between the insert and the look at it; then there is room now.
    return _try(tx, name, body, key) if _ended_meanwhile(requested) else requested


def _ended_meanwhile(requested: runs.Requested) -> bool:
    return not requested.created and requested.state in TERMINAL_STATES


def _try(tx: Connection, name: str, body: dict[str, Any], key: str | None) -> runs.Requested:
    return runs.request(
        tx,
        name,
        trigger="replay" if body["mode"] in REPLAYS else "api",
        mode=body["mode"],
        requested_by=asked_by(),
        idempotency_key=key,
        request_hash=_hash(body) if key is not None else None,
        request_id=g.request_id,
    )


def _dispatched(requested: Sequence[runs.Requested]) -> list[Answer]:
    """Tell the workers of what is new. After the first failure the broker is away for the others too."""
    reachable, answers = True, []
    for run in requested:
        reachable = reachable and (not run.created or publish(run.run_id, run.source))
        answers.append(Answer(run.run_id, run.source, run.state, run.created, run.created and reachable))
    return answers
