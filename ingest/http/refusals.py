"""What a bad status or a broken connection means, and how it is said without secrets."""

from datetime import UTC, datetime

import requests

from ingest.errors import SourceBroken
from ingest.http import auth
from ingest.http.backoff import retry_after
from ingest.http.messages import Hiccup, Reply, Request
from ingest.http.redaction import excerpt, tidy

# Statuses that asking again does not change; 402 is what CoinPaprika says when the month's quota is used up.
FINAL = {401: "auth", 403: "auth", 402: "quota", 404: "not_found", 410: "not_found"}


def refused(request: Request, reply: Reply) -> Hiccup | SourceBroken:
    """The error for a bad status: one that may pass, or one that a person must look at."""
    text = f"status {reply.status}: {said(request, reply) or '(no body)'}"
    if reply.status == 429 or reply.status >= 500:
        after = retry_after(reply.headers.get("Retry-After"), datetime.now(UTC))
        return Hiccup(text, kind="upstream", after=after, everyone=reply.status == 429)
    kind = FINAL.get(reply.status, "request")
    if kind == "auth":
        text += f"; {auth.reference(request.auth)}"
    return SourceBroken(f"{named(request)}: {text}", kind=kind)


def named(request: Request) -> str:
    """The request as a message shows it."""
    return f"{request.method} {request.shown}"


def said(request: Request, reply: Reply) -> str:
    """What the upstream said, as a message shows it."""
    return excerpt(reply.body, request.secrets)


def cause(error: requests.RequestException, request: Request) -> str:
    """What went wrong on the wire. The text of requests' own error holds the URL with its query: not used."""
    inner = getattr(error.args[0] if error.args else None, "reason", None) or error
    if isinstance(inner, requests.RequestException):
        inner = inner.args[0] if inner.args and isinstance(inner.args[0], Exception) else type(inner).__name__
    return f"no reply: {tidy(str(inner), request.secrets)}"
