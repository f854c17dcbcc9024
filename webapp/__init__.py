"""The HTTP API. Flask lives here and nowhere else: `gunicorn "webapp:create_app()"`."""

from typing import Any

import structlog
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from ingest import log
from ingest.catalog import catalog
from ingest.settings import Settings, settings
from tasks import answer_people
from webapp import caps, database, hooks, rates, views
from webapp.auth import admit, check_key
from webapp.database import read_options
from webapp.errors import ProblemApi
from webapp.openapi import Security
from webapp.wire import ExactJson

VERSION = "0.1.0"
# Whoever asks from this machine, health checks for one, names it so.
OURSELVES = ["127.0.0.1", "localhost", "[::1]"]


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
    database.register(app)
    hooks.register(app, chosen.log_level)
    caps.register(app)
    rates.register(app, chosen)
    app.before_request(admit)
    api = ProblemApi(app, spec_kwargs={"extra_plugins": [Security(app)]})
    for blueprint in views.described(declared):
        api.register_blueprint(blueprint)
    for page in views.plain():
        app.register_blueprint(page)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=chosen.proxies, x_proto=chosen.proxies, x_host=0)
    return app


def _config(chosen: Settings) -> dict[str, Any]:
    return {
        "API_TITLE": "Kasparro",
        "API_VERSION": VERSION,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "TRUSTED_HOSTS": _hosts(chosen.trusted_hosts),
        "SQLALCHEMY_DATABASE_URI": chosen.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": read_options(),
    }


def _hosts(names: str) -> list[str] | None:
    """The names that a Host header may have; None: any, for nothing of ours repeats it."""
    trusted = [name.strip() for name in names.split(",") if name.strip()]
    return [*trusted, *OURSELVES] if trusted else None
