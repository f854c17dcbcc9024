"""What requests for runs have in common: the Idempotency-Key that they bring, and the reply that they get."""

from flask import Response, g, request

from webapp.errors import refuse
from webapp.run_request import Outcome
from webapp.wire import json_bytes

LONGEST_KEY = 255
KEY_HEADER = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": LONGEST_KEY, "pattern": "^[ -~]*[!#-~][ -~]*$"},
    "description": "The same key with the same body gives the same runs",
}


def accepted(outcome: Outcome) -> Response:
    """202 with the runs, and where to watch the first; 409 when all that was asked for is open already."""
    document = outcome.document()
    if not outcome.created:
        refuse(409, "Nothing was created: the runs named here are queued or running.", runs=document)
    response = Response(
        json_bytes({"runs": document, "request_id": g.request_id}), 202, mimetype="application/json"
    )
    response.headers.update({"Location": f"/runs/{outcome.created[0].run_id}", "Retry-After": "2"})
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def idempotency_key() -> str | None:
    """The key without the quotes that the draft standard puts around it."""
    sent = request.headers.get("Idempotency-Key")
    if sent is None:
        return None
    key = sent.strip().strip('"')
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        refuse(422, f"Idempotency-Key must have 1 to {LONGEST_KEY} printable ASCII characters.")
    return key
