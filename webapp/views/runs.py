"""POST /run-etl, GET /runs, GET /runs/<id>, POST /runs/<id>/cancel."""

from typing import Any

from flask import Response

from ingest import runs as engine_runs
from ingest.db import engine
from webapp import paging
from webapp.arguments import Blueprint
from webapp.auth import READERS, TRIGGER, needs
from webapp.errors import refuse
from webapp.queries import runs
from webapp.replies import listing, page_of
from webapp.run_reply import KEY_HEADER, accepted, idempotency_key
from webapp.run_request import request_runs
from webapp.schemas.asked import NoQuery, RunRequest, RunsQuery
from webapp.schemas.runs import Requested, RunList, RunSchema

blp = Blueprint("runs", __name__, description="Runs: requested, watched, cancelled")

ID = "<int(max=9223372036854775807):id>"


@blp.route("/run-etl", methods=["POST"])
@needs(TRIGGER)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.arguments(RunRequest, required=False)
@blp.response(202, Requested)
@blp.alt_response(409, description="Nothing was created: every source asked for has an open run already")
@blp.doc(parameters=[KEY_HEADER])
def run_etl(body: dict[str, Any]) -> Response:
    """Request a run of one source, of several, or of every enabled one."""
    return accepted(request_runs(body, idempotency_key()))


@blp.route("/runs")
@needs(READERS)
@blp.arguments(RunsQuery, location="query")
@blp.response(200, RunList)
def list_runs(asked: dict[str, Any]) -> Response:
    """Runs, newest first."""
    belongs = paging.digest("runs", *(asked.get(name) for name in runs.FILTERS))
    found = runs.page(asked, paging.id_after(asked.get("cursor"), belongs), asked["limit"])
    shown = RunSchema(many=True).dump([runs.document(row[0]) for row in found.rows])
    return listing(shown, page_of(found, asked["limit"], belongs))


@blp.route(f"/runs/{ID}")
@needs(READERS)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, RunSchema)
def run(id: int) -> dict[str, Any]:
    """One run: state, counts, positions, and why it failed."""
    found = runs.one(id)
    if found is None:
        refuse(404, f"There is no run {id}.")
    return runs.document(found)


@blp.route(f"/runs/{ID}/cancel", methods=["POST"])
@needs(TRIGGER)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(202, RunSchema)
@blp.alt_response(409, description="The run has ended already")
def cancel(id: int) -> dict[str, Any]:
    """Cancel a queued run at once; ask a running one to stop at the end of its page."""
    with engine().begin() as tx:
        state = engine_runs.cancel(tx, id)
    if state is None:
        refuse(404, f"There is no run {id}.")
    if state in ("succeeded", "failed"):
        refuse(409, f"Run {id} has {state} already.", state=state)
    return runs.document(runs.one(id))
