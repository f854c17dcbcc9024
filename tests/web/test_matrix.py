"""Who may do what: every route, every method, every kind of key, with reads public and not.

ROUTES is written by hand. A new route fails here until it has its line.
"""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from ingest import keys
from tests.conftest import API_KEY, forget
from tests.web.seeding import Seed
from webapp import create_app

ANYBODY, READERS, READ, TRIGGER = "anybody", "readers", "read", "trigger"
ID = "<int(max=9223372036854775807):id>"
ROUTES = {
    "GET /": ANYBODY,
    "GET /docs": ANYBODY,
    "GET /openapi.json": ANYBODY,
    "GET /static/<path:filename>": ANYBODY,
    "GET /health": ANYBODY,
    "GET /health/live": ANYBODY,
    "GET /data": READERS,
    f"GET /data/{ID}": READERS,
    f"GET /data/{ID}/raw": READ,
    "GET /runs": READERS,
    f"GET /runs/{ID}": READERS,
    "GET /sources": READERS,
    "GET /stats": READERS,
    "GET /metrics": READERS,
    "GET /rejects": READ,
    f"GET /rejects/{ID}": READ,
    "POST /rejects/replay": TRIGGER,
    "POST /rejects/dismiss": TRIGGER,
    f"POST /rejects/{ID}/dismiss": TRIGGER,
    "POST /run-etl": TRIGGER,
    f"POST /runs/{ID}/cancel": TRIGGER,
}
NO_KEY, BAD = {"none"}, {"wrong", "expired", "revoked"}
READING, TRIGGERING = {"read", "trigger", "admin", "bootstrap"}, {"trigger", "admin", "bootstrap"}
EVERYBODY = NO_KEY | BAD | READING
# By whom a route serves and whether reads are public: the senders whom it answers.
ADMITTED = {
    (ANYBODY, True): EVERYBODY,
    (ANYBODY, False): EVERYBODY,
    (READERS, True): NO_KEY | READING,
    (READERS, False): READING,
    (READ, True): READING,
    (READ, False): READING,
    (TRIGGER, True): TRIGGERING,
    (TRIGGER, False): TRIGGERING,
}


def routes(app: Flask) -> set[str]:
    """Method and path of every route; HEAD and OPTIONS go with them."""
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


@pytest.fixture
def senders(seed: Seed) -> dict[str, str | None]:
    """A key of every kind."""
    with seed.engine.begin() as tx:
        kinds = ("expired", "revoked", "read", "trigger", "admin")
        made = {kind: keys.create(tx, kind, "admin" if kind in BAD else kind) for kind in kinds}
        keys.revoke(tx, made["revoked"].prefix)
        tx.execute(text("UPDATE api_keys SET expires_at = now() WHERE name = 'expired'"))
    return {"none": None, "wrong": "wrong", "bootstrap": API_KEY} | {
        kind: it.key for kind, it in made.items()
    }


@pytest.fixture(params=[True, False], ids=["public", "private"])
def public(app: Flask, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """PUBLIC_READS, both ways."""
    monkeypatch.setenv("PUBLIC_READS", str(request.param).lower())
    forget()
    return bool(request.param)


def asked(app: Flask, key: str | None) -> Iterator[tuple[str, str, int]]:
    """Route, method and status for every route and each of its methods."""
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace(ID, "1").replace("<path:filename>", "docs-init.js")
        [main] = rule.methods - {"HEAD", "OPTIONS"}
        for method in sorted(rule.methods):
            headers = {} if key is None else {"x-api-key": key}
            reply = client.open(path, method=method, headers=headers, buffered=True)
            yield f"{main} {rule.rule}", method, reply.status_code


def test_every_route_is_classified(app: Flask) -> None:
    assert routes(app) == set(ROUTES)


def test_matrix(app: Flask, senders: dict[str, str | None], public: bool) -> None:
    wrong = []
    for sender, key in senders.items():
        for route, method, status in asked(app, key):
            admitted = sender in ADMITTED[ROUTES[route], public]
            refusal = 403 if sender in READING else 401
            if (
                admitted != (status not in (401, 403))
                or (not admitted and status != refusal)
                or status >= 500
            ):
                wrong.append(f"{sender}: {method} of {route} gave {status}")

    assert wrong == []
    assert len(senders) == len(EVERYBODY) == 8


def test_unclassified_route_serves_nobody(app: Flask, senders: dict[str, str | None]) -> None:
    grown = create_app()
    grown.add_url_rule("/new", "new", lambda: "secret")

    for key in senders.values():
        for method in ("GET", "HEAD", "OPTIONS"):
            headers = {} if key is None else {"x-api-key": key}
            reply = grown.test_client().open("/new", method=method, headers=headers)
            assert reply.status_code == 403
            assert "secret" not in reply.text


def test_openapi_tells_the_same(app: Flask, public: bool) -> None:
    document = create_app().test_client().get("/openapi.json").json
    scheme = document["components"]["securitySchemes"]["ApiKey"]

    operations = {
        f"{method.upper()} {path.replace('{id}', ID)}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }
    expected = {
        ANYBODY: [],
        READERS: [{}, {"ApiKey": ["read"]}] if public else [{"ApiKey": ["read"]}],
        READ: [{"ApiKey": ["read"]}],
        TRIGGER: [{"ApiKey": ["trigger"]}],
    }
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "x-api-key")
    assert {route: it["security"] for route, it in operations.items()} == {
        route: expected[ROUTES[route]] for route in operations
    }
    assert set(ROUTES) - set(operations) == {
        "GET /",
        "GET /docs",
        "GET /openapi.json",
        "GET /static/<path:filename>",
    }
    assert all(
        {"401", "403"} <= set(operation["responses"])
        for operation in operations.values()
        if operation["security"]
    )


@pytest.mark.parametrize(
    ("sender", "details"),
    [("none", False), ("wrong", False), ("revoked", False), ("read", True), ("bootstrap", True)],
)
def test_strangers_see_the_status_of_health(
    client: FlaskClient,
    senders: dict[str, str | None],
    monkeypatch: pytest.MonkeyPatch,
    sender: str,
    details: bool,
) -> None:
    monkeypatch.setenv("PUBLIC_READS", "false")
    forget()

    key = senders[sender]
    reply = client.get("/health", headers={} if key is None else {"x-api-key": key})

    assert (reply.status_code, reply.json["status"]) == (200, "warn")
    assert set(reply.json) == {"status", "request_id"} | ({"checks", "sources"} if details else set())
