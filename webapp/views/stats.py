"""GET /stats."""

from typing import Any

from flask import g

from webapp.arguments import Blueprint
from webapp.auth import READERS, needs
from webapp.queries import stats
from webapp.schemas.asked import StatsQuery
from webapp.schemas.sources import Stats

blp = Blueprint("stats", __name__, description="Numbers for dashboards and scripts")


@blp.route("/stats")
@needs(READERS)
@blp.arguments(StatsQuery, location="query")
@blp.response(200, Stats)
def show(asked: dict[str, Any]) -> dict[str, Any]:
    """Runs, records by outcome, freshness and lateness, in all and by source."""
    return {**stats.answer(asked["window"]), "request_id": g.request_id}
