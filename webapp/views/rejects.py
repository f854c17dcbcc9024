"""GET /rejects, GET /rejects/<id>; POST /rejects/replay, /rejects/dismiss, /rejects/<id>/dismiss."""

from typing import Any

from flask import Response, g
from sqlalchemy import Row

from ingest import verdicts
from ingest.catalog import catalog
from ingest.db import engine
from webapp import paging
from webapp.arguments import Blueprint
from webapp.auth import READ, TRIGGER, needs
from webapp.errors import refuse
from webapp.queries import rejects
from webapp.replies import listing, page_of
from webapp.run_reply import KEY_HEADER, accepted, idempotency_key
from webapp.run_request import refuse_unknown, request_runs
from webapp.schemas.asked import DismissRequest, NoQuery, RejectsQuery, ReplayRequest
from webapp.schemas.runs import Dismissed, RejectList, RejectSchema, Requested

blp = Blueprint("rejects", __name__, description="Records that were set aside, each with its reason")

ID = "<int(max=9223372036854775807):id>"


@blp.route("/rejects")
@needs(READ)
@blp.arguments(RejectsQuery, location="query")
@blp.response(200, RejectList)
def list_rejects(asked: dict[str, Any]) -> Response:
    """Rejects, newest first, each with the beginning of its record."""
    belongs = paging.digest("rejects", *(asked.get(name) for name in rejects.FILTERS))
    found = rejects.page(asked, paging.id_after(asked.get("cursor"), belongs), asked["limit"])
    return listing(RejectSchema(many=True).dump(found.rows), page_of(found, asked["limit"], belongs))


@blp.route(f"/rejects/{ID}")
@needs(READ)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, RejectSchema)
def reject(id: int) -> Row[Any]:
    """One reject with its whole record."""
    return _found(id)


def _found(id: int) -> Row[Any]:
    found = rejects.one(id)
    if found is None:
        refuse(404, f"There is no reject {id}.")
    return found


@blp.route("/rejects/replay", methods=["POST"])
@needs(TRIGGER)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.arguments(ReplayRequest)
@blp.response(202, Requested)
@blp.alt_response(409, description="Nothing was created: every source asked for has an open run")
@blp.doc(parameters=[KEY_HEADER])
def replay(body: dict[str, Any]) -> Response:
    """Request that records are judged again from their kept raw pages; the upstream is not asked."""
    return accepted(request_runs(body, idempotency_key()))


@blp.route("/rejects/dismiss", methods=["POST"])
@needs(TRIGGER)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.arguments(DismissRequest)
@blp.response(200, Dismissed)
def dismiss(body: dict[str, Any]) -> dict[str, Any]:
    """Dismiss the open rejects of a source, or those of them that have the reason."""
    source, reason = body["source"], body.get("reason")
    with engine().begin() as tx:
        done = verdicts.dismiss(tx, sources=[source], reasons=[reason] if reason else [])
    if not done and source not in catalog().sources:
        refuse_unknown(source)
    return {"dismissed": len(done), "request_id": g.request_id}


@blp.route(f"/rejects/{ID}/dismiss", methods=["POST"])
@needs(TRIGGER)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, RejectSchema)
@blp.alt_response(409, description="The reject is resolved already")
def dismiss_one(id: int) -> Row[Any]:
    """Say that a reject needs no more attention; it stays dismissed when it is replayed."""
    with engine().begin() as tx:
        verdicts.dismiss(tx, ids=[id])
    found = _found(id)
    if found.state == "resolved":
        refuse(409, f"Reject {id} is resolved already.", state=found.state)
    return found
