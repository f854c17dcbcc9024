"""GET / and GET /docs: where to look. Nothing here asks another host."""

from flask import Blueprint, Response, jsonify, render_template, url_for

from webapp.auth import ANYBODY, needs

pages = Blueprint("pages", __name__)


@pages.get("/")
@needs(ANYBODY)
def index() -> Response:
    """The way to everything else."""
    paths = ("data", "sources", "runs", "rejects", "stats", "health", "metrics", "openapi.json", "docs")
    return jsonify({"name": "kasparro", "links": {path: f"/{path}" for path in paths}})


@pages.get("/docs")
@needs(ANYBODY)
def docs() -> str:
    """The API to read and to try."""
    return render_template("docs.html", spec=url_for("api-docs.openapi_json"))
