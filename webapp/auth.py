"""Who may do what: every route says whom it serves, and one that says nothing serves nobody.

Keys come in the header x-api-key and nowhere else. They are looked up for each request, so that a revoked one
opens nothing from then on, in any process.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from flask import Flask, current_app, g, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from ingest import keys
from ingest.db import engine
from ingest.errors import ConfigInvalid
from ingest.keys import Holder, KeyRefused
from ingest.settings import settings
from webapp.errors import refuse
from webapp.rates import neighbourhood, spend

# Whom a route serves: anybody; readers, who are anybody while PUBLIC_READS holds; or holders of a scope.
ANYBODY, READERS = "anybody", "readers"
READ, TRIGGER, ADMIN = "read", "trigger", "admin"
# Endpoints of the libraries, which no decorator of ours reaches.
THEIRS = {"static": ANYBODY, "api-docs.openapi_json": ANYBODY}
# A load balancer must never hear that it asks too often.
UNCOUNTED = {"health.live", "health.show"}

HEADER = "x-api-key"
# The environment's key has all rights, and works while PostgreSQL is away.
BOOTSTRAP = Holder(None, ADMIN)
SHORTEST_KEY = 16
MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'

View = Callable[..., Any]
log = structlog.get_logger(__name__)


def check_key(key: str) -> None:
    """Refuse to start without a key worth the name. Raises ConfigInvalid."""
    if len(key) >= SHORTEST_KEY:
        return
    fault = f"is shorter than {SHORTEST_KEY} characters" if key else "is not set"
    raise ConfigInvalid([f"API_KEY {fault}. Make one with: {MAKE_ONE}"])


def needs(whom: str) -> Callable[[View], View]:
    """Say whom a view serves: ANYBODY, READERS, or the scope that a key must have."""

    def classified(view: View) -> View:
        view.serves = whom
        return view

    return classified


def served(app: Flask, endpoint: str) -> str | None:
    """Whom an endpoint serves; None: nobody said."""
    return THEIRS.get(endpoint) or getattr(app.view_functions[endpoint], "serves", None)


def scope_of(whom: str) -> str | None:
    """The scope that a key must have there; None: no key is needed."""
    if whom == READERS:
        return None if settings().public_reads else READ
    return None if whom == ANYBODY else whom


def admit() -> None:
    """Refuse the request unless its route serves whoever sent it, and as often. Runs before every request."""
    whom = _whom()
    scope = scope_of(whom)
    asks_with_key = scope is not None or (whom != ANYBODY and HEADER in request.headers)
    g.holder = _authenticated() if asks_with_key else None
    if request.endpoint not in UNCOUNTED:
        spend(settings().rate_limit, _sender())
    if g.holder is not None and not g.holder.may(scope or READ):
        refuse(403, f"This needs a key with the scope {scope}.")


def _whom() -> str:
    """Whom the route serves. Where there is none anybody may hear so: nothing is served but 404 or 405."""
    if request.endpoint is None:
        return ANYBODY
    whom = served(current_app, request.endpoint)
    if whom is None:
        log.error("route serves nobody", endpoint=request.endpoint)
        refuse(403, "This route is not open to anybody.")
    return whom


def _sender() -> str:
    """Whose requests are counted together: those with one key, or those from one address without a key."""
    return f"address {neighbourhood(request.remote_addr)}" if g.holder is None else asked_by()


def may_read() -> bool:
    """Whether the sender may read what PUBLIC_READS opens, on a route that serves anybody."""
    if settings().public_reads:
        return True
    try:
        return _holder().may(READ)
    except KeyRefused:
        if HEADER in request.headers:
            with suppress(
                HTTPException
            ):  # Counted, for no route is free for guessing; here all get the status.
                spend(settings().failed_rate_limit, f"failed {neighbourhood(request.remote_addr)}")
        return False
    except (DBAPIError, PoolTimeout):
        # While PostgreSQL is away only API_KEY can be told from other keys.
        return False


def asked_by() -> str:
    """Who asks, as a run remembers it: each issued key is one who asks."""
    holder: Holder = g.holder
    return "api" if holder.prefix is None else f"api:{holder.prefix}"


def _authenticated() -> Holder:
    """Whose key came with the request. One reply for all that is wrong: it tells nobody which keys exist.

    Failures are counted after the look at the key: were they counted before, whoever shares an address with
    a good key could lock it out. Guessing gains nothing from it: keys are too long to be guessed at any rate.
    """
    try:
        holder = _holder()
    except KeyRefused as refused:
        spend(settings().failed_rate_limit, f"failed {neighbourhood(request.remote_addr)}")
        why, prefix = str(refused), refused.prefix
        log.warning("key refused", why=why, key=prefix, path=request.path, address=request.remote_addr)
        refuse(401, "Send a valid API key in the header x-api-key.", headers={"WWW-Authenticate": "ApiKey"})
    structlog.contextvars.bind_contextvars(key=holder.prefix or "API_KEY")
    return holder


def _holder() -> Holder:
    sent = request.headers.get(HEADER)
    if sent is None:
        raise KeyRefused("none was sent")
    if keys.same(sent, settings().api_key):
        return BOOTSTRAP
    with engine().begin() as tx:
        return keys.holder(tx, sent)
