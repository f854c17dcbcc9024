"""Every error is one problem document (RFC 9457); views only raise."""

from http import HTTPStatus
from typing import NoReturn

import flask_smorest
import structlog
from flask import Flask, Response, g, request
from marshmallow import INCLUDE, Schema, ValidationError, fields
from psycopg2.errors import LockNotAvailable, QueryCanceled
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from ingest.postgres_errors import code, said
from webapp.wire import json_bytes

PROBLEM = "application/problem+json"
AGAIN = {"Retry-After": "2"}

log = structlog.get_logger(__name__)


class Problem(Schema):
    """What every error looks like."""

    class Meta:
        """Further members say more, each for its kind of error."""

        unknown = INCLUDE

    type = fields.String(metadata={"description": "about:blank: the status says it all"})
    title = fields.String(metadata={"description": "The status in words"})
    status = fields.Integer()
    detail = fields.String(metadata={"description": "What is wrong, and what to do"})
    instance = fields.String(metadata={"description": "The path of the request"})
    request_id = fields.String(metadata={"description": "Ask the logs for it"})
    errors = fields.Dict(metadata={"description": "By place (query, json) and name: what is wrong there"})


def refuse(status: int, detail: str, *, headers: dict[str, str] | None = None, **members: object) -> NoReturn:
    """End the request with a problem; further members go into its document."""
    flask_smorest.abort(status, message=detail, headers=headers or {}, members=members)


def problem(
    status: int, detail: str, *, headers: dict[str, str] | None = None, **members: object
) -> Response:
    """Return the problem as a response."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "request_id": g.get("request_id"),
        **members,
    }
    return Response(json_bytes(document), status, headers or {}, content_type=PROBLEM)


class ProblemApi(flask_smorest.Api):
    """flask-smorest with problem documents, in replies and in the OpenAPI description."""

    ERROR_SCHEMA = Problem

    def _register_responses(self) -> None:
        """Describe errors as problem+json; the parent knows one content type for all."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def _register_error_handlers(self) -> None:
        super()._register_error_handlers()
        register(self._app)

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Return what the error says as a problem, with its headers (Allow, for one)."""
        data = getattr(error, "data", {})
        headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
        members = dict(data.get("members", {}))
        if errors := data.get("errors") or data.get("messages"):
            members["errors"] = errors
        detail = data.get("message") or (_WRONG if errors else error.description)
        return problem(
            error.code or 500, detail or "", headers=headers | (data.get("headers") or {}), **members
        )


_WRONG = "The request is not valid; errors says where."
_UNEXPECTED = "Something unexpected went wrong here. The logs tell more under the request_id."


def register(app: Flask) -> None:
    """Map what is not an HTTP error: late findings about arguments, and the database's failures."""
    app.register_error_handler(ValidationError, _not_valid)
    app.register_error_handler(OperationalError, _database_failed)
    app.register_error_handler(InternalError, _database_failed)
    app.register_error_handler(InterfaceError, _database_away)
    app.register_error_handler(PoolTimeout, _database_away)


def _not_valid(error: ValidationError) -> Response:
    return problem(422, _WRONG, errors={"query": error.normalized_messages()})


def _database_failed(error: DBAPIError) -> Response:
    if isinstance(error.orig, QueryCanceled | LockNotAvailable):
        log.warning("query cancelled", error=type(error.orig).__name__)
        return problem(503, "The query took too long. Narrow the filter, or sort by id.", headers=AGAIN)
    if error.connection_invalidated or code(error) is None:
        return _database_away(error)
    log.error("database refuses", error=said(error))
    return problem(503, "The database cannot do this now: it is read-only, full or busy.", headers=AGAIN)


def _database_away(error: Exception) -> Response:
    log.error("database away", error=type(error).__name__)
    return problem(503, "The database does not answer. Try again.", headers=AGAIN)
