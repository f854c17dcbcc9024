"""GET /sources."""

from typing import Any

from flask import g

from ingest.catalog import catalog
from webapp.arguments import Blueprint
from webapp.auth import READERS, needs
from webapp.queries import sources
from webapp.schemas.asked import NoQuery
from webapp.schemas.sources import SourceList

blp = Blueprint("sources", __name__, description="What is ingested, and where it stands")


@blp.route("/sources")
@needs(READERS)
@blp.arguments(NoQuery, location="query", as_kwargs=True)
@blp.response(200, SourceList)
def list_sources() -> dict[str, Any]:
    """All declared sources with their schedules, last runs and next due times."""
    known = sources.runtime()
    shown = [sources.document(source, known.get(name)) for name, source in sorted(catalog().sources.items())]
    return {"data": shown, "request_id": g.request_id}
