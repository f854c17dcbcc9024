"""GET /metrics."""

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from webapp.arguments import Blueprint
from webapp.auth import READERS, needs
from webapp.queries import metrics
from webapp.schemas.asked import NoQuery

blp = Blueprint("metrics", __name__, description="For Prometheus")


@blp.route("/metrics")
@needs(READERS)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, {"type": "string"}, content_type="text/plain")
def scrape() -> Response:
    """Runs, rows, freshness, queue age, lease expiries and open rejects, as they are now."""
    return Response(metrics.scrape(), content_type=CONTENT_TYPE_LATEST)
