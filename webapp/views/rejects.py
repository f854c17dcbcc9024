"""GET /rejects, GET /rejects/<id>."""

from typing import Any

from flask import Response

from models import Reject
from webapp import paging
from webapp.arguments import Blueprint
from webapp.errors import refuse
from webapp.queries import rejects
from webapp.replies import listing, page_of
from webapp.schemas.asked import NoQuery, RejectsQuery
from webapp.schemas.runs import RejectList, RejectSchema

blp = Blueprint("rejects", __name__, description="Records that were set aside, each with its reason")


@blp.route("/rejects")
@blp.arguments(RejectsQuery, location="query")
@blp.response(200, RejectList)
def list_rejects(asked: dict[str, Any]) -> Response:
    """Rejects, newest first, each with the beginning of its record."""
    belongs = paging.digest("rejects", *(asked.get(name) for name in rejects.FILTERS))
    found = rejects.page(asked, paging.id_after(asked.get("cursor"), belongs), asked["limit"])
    return listing(RejectSchema(many=True).dump(found.rows), page_of(found, asked["limit"], belongs))


@blp.route("/rejects/<int(max=9223372036854775807):id>")
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, RejectSchema)
def reject(id: int) -> Reject:
    """One reject with its whole record."""
    found = rejects.one(id)
    if found is None:
        refuse(404, f"There is no reject {id}.")
    return found
