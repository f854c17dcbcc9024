"""An upstream that says back all that it was asked with, and the ways in which it is asked."""

import json
from typing import Any
from urllib.parse import quote

from tests.faults.canaries import EVERY
from tests.upstream import Asked, Play, answer

# Each way in which a credential travels, as options of the kind; the variables hold the canaries.
WAYS: dict[str, dict[str, Any]] = {
    "header": {"auth": {"type": "header", "name": "x-tenant", "value": "${CANARY_HEADER}"}},
    "bearer": {"auth": {"type": "bearer", "value": "${CANARY_BEARER}"}},
    "basic": {"auth": {"type": "basic", "username": "me", "password": "${CANARY_BASIC}"}},
    "query": {"auth": {"type": "query", "name": "q", "value": "${CANARY_QUERY}"}},
    "body": {"method": "POST", "body": {"login": {"with": "${CANARY_BODY}"}}},
    "header_option": {"headers": {"X-Plan": "plan ${CANARY_HEADER_OPTION}"}},
    "param": {"params": {"who": "${CANARY_PARAM}"}},
    "in_path": {},
    "link": {
        "auth": {"type": "query", "name": "q", "value": "${CANARY_LINK}"},
        "paginate": {"type": "next_url", "path": "next"},
        "records": "things",
    },
}
FAULTS = ("good", "401", "429", "500", "html", "redirect", "silent", "cut", "tls", "refused", "bug")


def told(asked: Asked) -> str:
    """All that came with a request, as an upstream may say it back."""
    return json.dumps([asked.path, dict(asked.query), dict(asked.headers), asked.body.decode()])


def play(asked: Asked) -> Play:
    """The fault that the path names. Whatever is refused says back all that it was asked with."""
    way, fault = asked.path.strip("/").split("/")[:2]
    echo = told(asked).encode()
    match fault:
        case "html":
            return Play(200, b"<html>" + echo, {"Content-Type": "text/html"})
        case "redirect":
            place = {"Location": f"http://127.0.0.1:1/elsewhere?q={EVERY[way]}"}
            return Play(302, echo, place)
        case "silent":
            return Play(silent=True)
        case "cut":
            return Play(200, echo, cut=len(echo) // 2, reset=True)
        case "401" | "500":
            return Play(int(fault), echo, {"X-Echo": "no"})
        case "429":
            return Play(429, echo, {"Retry-After": "0"})
    if way == "link":
        return answer(_linked(asked))
    return answer([{"id": 1, "name": "thing", "price": 1}, {"id": 2}])


def _linked(asked: Asked) -> dict[str, Any]:
    """Two pages; the first names the next one by a URL that repeats the key."""
    again = f"http://{asked.headers['Host']}{asked.path}?page=2&q={quote(EVERY['link'])}"
    number = asked.query.get("page", "1")
    return {"things": [{"id": number, "name": "thing"}], "next": again if number == "1" else None}


def url_of(fault: str, way: str, server: str) -> str:
    """Where the fault is met."""
    token = "/${CANARY_IN_PATH}" if way == "in_path" else ""
    host = {"tls": server.replace("http:", "https:"), "refused": "http://127.0.0.1:1"}.get(fault, server)
    return f"{host}/{way}/{fault}{token}"
