"""CoinGecko's keys, its four shapes of error body, and how it writes small numbers."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Request

from local.sandbox.api import Refused, stamp
from local.sandbox.text import tiny

number = partial(tiny, below=4, width=2)

LIMITED = (
    "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing "
    "to subscribe to our API plans for higher rate limits."
)
WRONG_HOST = (
    "If you are using Pro API key, please change your root URL "
    "from api.coingecko.com to pro-api.coingecko.com"
)
MESSAGES = {
    401: "API Key Missing",
    403: "This request is limited to subscribers of a higher plan.",
    404: "coin not found",
    429: LIMITED,
}
CODES = {401: 10002, 403: 10005}


def error(status: int, message: str) -> dict[str, Any]:
    """The body for a status: plain for bad requests, a status object for limits, with a time for keys."""
    text = message or MESSAGES.get(status, "unexpected error")
    if status in CODES:
        when = stamp(datetime.now(UTC), "milliseconds")
        return {"status": {"timestamp": when, "error_code": CODES[status], "error_message": text}}
    if status == 429 or status >= 500:
        return {"status": {"error_code": status, "error_message": text}}
    return {"error": text}


def sent_key(asked: Request) -> str | None:
    """The demo key, from the header or from the query."""
    return asked.headers.get("x-cg-demo-api-key") or asked.args.get("x_cg_demo_api_key")


def check_key(asked: Request, verdict: str) -> None:
    """Refuse a pro key, which belongs to the other host, and a wrong or missing one when keys are listed."""
    if "x-cg-pro-api-key" in asked.headers or "x_cg_pro_api_key" in asked.args:
        raise Refused(400, body={"error_code": 10010, "status": {"error_message": WRONG_HOST}})
    if verdict in ("wrong", "absent"):
        raise Refused(401)
