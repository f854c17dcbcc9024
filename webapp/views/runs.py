"""POST /run-etl, GET /runs, GET /runs/<id>, POST /runs/<id>/cancel."""

from typing import Any

from flask import Response, g, request

from ingest import runs as engine_runs
from ingest.db import engine
from webapp import paging
from webapp.arguments import Blueprint
from webapp.auth import needs_key
from webapp.errors import refuse
from webapp.queries import runs
from webapp.replies import listing, page_of
from webapp.run_request import request_runs
from webapp.schemas.asked import NoQuery, RunRequest, RunsQuery
from webapp.schemas.runs import Requested, RunList, RunSchema
from webapp.wire import json_bytes

blp = Blueprint("runs", __name__, description="Runs: requested, watched, cancelled")

ID = "<int(max=9223372036854775807):id>"
KEYED = {"security": [{"ApiKey": []}]}
LONGEST_KEY = 255
KEY_HEADER = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": LONGEST_KEY},
    "description": "The same key with the same body gives the same runs",
}


@blp.route("/run-etl", methods=["POST"])
@needs_key
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.arguments(RunRequest, required=False)
@blp.response(202, Requested)
@blp.alt_response(409, description="Nothing was created: every source asked for has an open run already")
@blp.doc(**KEYED, parameters=[KEY_HEADER])
def run_etl(body: dict[str, Any]) -> Response:
    """Request a run of one source, of several, or of every enabled one."""
    outcome = request_runs(body, _idempotency_key())
    document = outcome.document()
    if not outcome.created:
        refuse(409, "Nothing was created: the runs named here are queued or running.", runs=document)
    response = Response(
        json_bytes({"runs": document, "request_id": g.request_id}), 202, mimetype="application/json"
    )
    response.headers.update({"Location": f"/runs/{outcome.created[0].run_id}", "Retry-After": "2"})
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _idempotency_key() -> str | None:
    """The key without the quotes that the draft standard puts around it."""
    sent = request.headers.get("Idempotency-Key")
    if sent is None:
        return None
    key = sent.strip().strip('"')
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        refuse(422, f"Idempotency-Key must have 1 to {LONGEST_KEY} printable ASCII characters.")
    return key


@blp.route("/runs")
@blp.arguments(RunsQuery, location="query")
@blp.response(200, RunList)
def list_runs(asked: dict[str, Any]) -> Response:
    """Runs, newest first."""
    belongs = paging.digest("runs", *(asked.get(name) for name in runs.FILTERS))
    found = runs.page(asked, paging.id_after(asked.get("cursor"), belongs), asked["limit"])
    shown = RunSchema(many=True).dump([runs.document(row[0]) for row in found.rows])
    return listing(shown, page_of(found, asked["limit"], belongs))


@blp.route(f"/runs/{ID}")
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, RunSchema)
def run(id: int) -> dict[str, Any]:
    """One run: state, counts, positions, and why it failed."""
    found = runs.one(id)
    if found is None:
        refuse(404, f"There is no run {id}.")
    return runs.document(found)


@blp.route(f"/runs/{ID}/cancel", methods=["POST"])
@needs_key
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(202, RunSchema)
@blp.alt_response(409, description="The run has ended already")
@blp.doc(**KEYED)
def cancel(id: int) -> dict[str, Any]:
    """Cancel a queued run at once; ask a running one to stop at the end of its page."""
    with engine().begin() as tx:
        state = engine_runs.cancel(tx, id)
    if state is None:
        refuse(404, f"There is no run {id}.")
    if state in ("succeeded", "failed"):
        refuse(409, f"Run {id} has {state} already.", state=state)
    return runs.document(runs.one(id))
