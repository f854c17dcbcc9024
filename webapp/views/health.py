"""GET /health, GET /health/live."""

from typing import Any

from flask import Response, g

from ingest.settings import settings
from webapp.arguments import Blueprint
from webapp.auth import ANYBODY, may_read, needs
from webapp.database import db
from webapp.queries import health
from webapp.schemas.asked import NoQuery
from webapp.schemas.health import Health, Live
from webapp.wire import json_bytes

blp = Blueprint("health", __name__, description="For load balancers and people at 3 a.m.")
HEALTH = "application/health+json"


@blp.route("/health/live")
@needs(ANYBODY)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, Live, content_type=HEALTH)
def live() -> Response:
    """Whether this process answers. Asks nobody."""
    return _reply({"status": "pass"}, 200)


@blp.route("/health")
@needs(ANYBODY)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, Health, content_type=HEALTH)
@blp.alt_response(503, schema=Health, content_type=HEALTH, description="Nothing can be served")
def show() -> Response:
    """What the system stands on, check by check, and the last run of each source; or the status alone."""
    report = health.report(db.engine, settings().redis_url)
    shown = report if may_read() else {"status": report["status"]}
    return _reply({**shown, "request_id": g.request_id}, 503 if report["status"] == "fail" else 200)


def _reply(document: dict[str, Any], status: int) -> Response:
    return Response(json_bytes(document), status, {"Cache-Control": "max-age=5"}, content_type=HEALTH)
