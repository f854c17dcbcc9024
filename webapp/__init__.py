"""The HTTP API. Flask lives here and nowhere else: `gunicorn "webapp:create_app()"`."""

from typing import Any

import structlog
from flask import Flask

from ingest import log
from ingest.catalog import catalog
from ingest.settings import Settings, settings
from tasks import answer_people
from webapp import hooks, views
from webapp.auth import check_key
from webapp.database import db, read_options
from webapp.errors import ProblemApi
from webapp.wire import ExactJson

VERSION = "0.1.0"
LARGEST_BODY = 1_048_576


class Web(Flask):
    """Flask whose uncaught errors become one structured log line, with the request's id."""

    json_provider_class = ExactJson

    def log_exception(self, exc_info: Any) -> None:
        """Log what the client is not told."""
        structlog.get_logger(__name__).error("request failed", exc_info=exc_info)


def create_app() -> Flask:
    """Return the WSGI application. Raises ConfigInvalid when key, settings or catalogue are wrong."""
    chosen = settings()
    check_key(chosen.api_key)
    declared = catalog()
    log.configure(chosen.log_level)
    answer_people()
    app = Web(__name__)
    app.config.update(_config(chosen))
    db.init_app(app)
    hooks.register(app)
    api = ProblemApi(app)
    api.spec.components.security_scheme("ApiKey", {"type": "apiKey", "in": "header", "name": "x-api-key"})
    for blueprint in views.described(declared):
        api.register_blueprint(blueprint)
    for page in views.plain():
        app.register_blueprint(page)
    return app


def _config(chosen: Settings) -> dict[str, Any]:
    return {
        "API_TITLE": "Kasparro",
        "API_VERSION": VERSION,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "MAX_CONTENT_LENGTH": LARGEST_BODY,
        "SQLALCHEMY_DATABASE_URI": chosen.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": read_options(),
    }
