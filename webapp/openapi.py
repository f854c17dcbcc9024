"""What the OpenAPI description says of keys: which operation needs one, and with which scope."""

from http import HTTPStatus
from typing import Any

from apispec import APISpec, BasePlugin
from flask import Flask
from werkzeug.routing import Rule

from webapp.auth import ANYBODY, HEADER, READ, scope_of, served

SCHEME = "ApiKey"
# flask-smorest knows a response for each status, by the name that Python gives it.
REFUSALS = {"401": HTTPStatus.UNAUTHORIZED.name, "403": HTTPStatus.FORBIDDEN.name}


class Security(BasePlugin):
    """Adds to every operation what `webapp.auth` will ask for."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def init_spec(self, spec: APISpec) -> None:
        """Describe the header."""
        spec.components.security_scheme(SCHEME, {"type": "apiKey", "in": "header", "name": HEADER})

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **about: Any
    ) -> None:
        """Complete the operations of one path."""
        rule: Rule = about["rule"]
        whom = served(self.app, rule.endpoint)
        for operation in (operations or {}).values():
            operation["security"] = _security(whom)
            if whom != ANYBODY:
                operation["responses"].update(REFUSALS)


def _security(whom: str | None) -> list[dict[str, list[str]]]:
    """The alternatives, each of which is enough; the empty one means no key. Roles are the scopes."""
    if whom is None or whom == ANYBODY:
        return []
    scope = scope_of(whom)
    return [{SCHEME: [scope]}] if scope else [{}, {SCHEME: [READ]}]
