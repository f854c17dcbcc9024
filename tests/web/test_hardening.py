"""The door against those who push: sizes, hosts, headers on every reply, names that are SQL or paths."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from tests.conftest import API_KEY, forget
from tests.web.seeding import Seed
from tests.web.test_errors import KEY, assert_problem, routes
from webapp import create_app, rates
from webapp.database import db

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def assert_hardened(reply: Any) -> None:
    """The reply has every header of ours, and none that tells of the inside."""
    assert dict(reply.headers).items() >= HEADERS.items()
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert "X-Request-Id" in reply.headers
    assert not [name for name, _ in reply.headers if name.startswith("Access-Control-")]


def test_headers_on_every_reply(app: Flask, client: FlaskClient, keyed: FlaskClient) -> None:
    for method, path in routes(app):
        for sender in (client, keyed):
            assert_hardened(sender.open(path, method=method, buffered=True))
            assert_hardened(sender.options(path))
        assert_hardened(client.delete(path))


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/nothing", {}, 404),
        ("/data", {"method": "PATCH"}, 405),
        ("/rejects", {}, 401),
        ("/data?nothing=1", {}, 422),
        ("/static/nothing.js", {}, 404),
        ("/static/docs-init.js", {}, 200),
        ("/run-etl", {"method": "POST", "headers": KEY, "data": b" " * 2_000_000}, 413),
        ("/data?x=" + "a" * 5_000, {}, 414),
        ("/data/" + "9" * 5_000, {}, 414),
        ("/data", {"headers": {"X-Large": "a" * 40_000}}, 431),
        ("/data", {"headers": {f"X-{number}": "1" for number in range(101)}}, 431),
        ("/data?" + "&".join(["source=a"] * 101), {}, 422),
    ],
)
def test_refusals_are_problems_with_headers(
    client: FlaskClient, path: str, options: dict[str, Any], status: int
) -> None:
    reply = client.open(path, buffered=True, **options)

    assert_hardened(reply)
    if status != 200:
        assert_problem(reply, status)
        assert reply.headers["Cache-Control"] == "no-store"


def test_docs_run_own_files_alone(client: FlaskClient) -> None:
    api, docs = (client.get(path).headers["Content-Security-Policy"] for path in ("/data", "/docs"))

    assert api == "default-src 'none'; frame-ancestors 'none'"
    assert "default-src 'self'" in docs
    assert "unsafe" not in docs
    assert "http" not in docs


def test_keyed_replies_are_not_stored(keyed: FlaskClient, seed: Seed) -> None:
    seed.item()
    for path in (
        "/data",
        "/data?format=csv",
        "/runs",
        "/stats",
        "/sources",
        "/metrics",
        "/rejects",
        "/health",
    ):
        assert keyed.get(path).headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost", "https://127.0.0.1"])
def test_no_origin_is_let_in(client: FlaskClient, keyed: FlaskClient, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    for sender in (client, keyed):
        for method in ("GET", "OPTIONS", "POST"):
            for path in ("/data", "/run-etl", "/nothing"):
                reply = sender.open(path, method=method, headers=asked)
                assert_hardened(reply)
                assert origin not in str(reply.headers)


EVIL = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "good.example.evil.example",
    "good.example@e",
]


@pytest.fixture
def trusting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """An application that knows its name."""
    monkeypatch.setenv("TRUSTED_HOSTS", "good.example, .inner.example")
    forget()
    yield create_app().test_client()
    forget()


@pytest.mark.parametrize("host", EVIL)
def test_foreign_host_is_refused(trusting: FlaskClient, host: str) -> None:
    for path in ("/data", "/docs", "/health/live", "/nothing"):
        reply = trusting.get(path, headers={"Host": host})
        assert_problem(reply, 400)
        assert "evil" not in reply.text + str(reply.headers)


@pytest.mark.parametrize("host", ["good.example", "good.example:8000", "a.inner.example", "127.0.0.1:8000"])
def test_own_host_is_served(trusting: FlaskClient, host: str) -> None:
    assert trusting.get("/data", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", 'evil"example', "evil.example/..", ""])
def test_host_is_never_repeated(app: Flask, client: FlaskClient, seed: Seed, host: str) -> None:
    """Not in a redirect, a link or an error, also when nobody said which hosts are ours."""
    seed.item(), seed.item()
    lies = {"Host": host, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    for path in (
        "/data?limit=1",
        "//data",
        "/data/",
        "/docs",
        "/openapi.json",
        "/static//docs-init.js",
        "/nothing",
    ):
        reply = client.get(path, headers=lies, buffered=True)
        assert reply.status_code < 300 or reply.status_code >= 400
        assert "evil" not in reply.text + str(reply.headers)
        assert "gopher" not in reply.text + str(reply.headers)


SECRETS = ("the inner secret", "Traceback", "RuntimeError", "/webapp", "site-packages", "SELECT", "127.0.0.1")


def test_crash_anywhere_tells_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every view in turn raises; clients get a request id and nothing else."""

    def crash(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the inner secret at /webapp/views: SELECT * FROM runs")

    client = app.test_client()
    for rule in list(app.url_map.iter_rules()):
        view = app.view_functions[rule.endpoint]
        crash.serves = getattr(view, "serves", "anybody")
        monkeypatch.setitem(app.view_functions, rule.endpoint, crash)  # to make the step fail
        path = re.sub(r"<int[^>]*>", "1", rule.rule).replace("<path:filename>", "docs-init.js")
        [method] = rule.methods - {"HEAD", "OPTIONS"}
        reply = client.open(path, method=method, headers=KEY)
        assert_hardened(reply)
        assert_problem(reply, 500)
        assert not [secret for secret in SECRETS if secret in reply.text + str(reply.headers)]


def test_crash_at_the_door_tells_nothing(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("the inner secret")

    monkeypatch.setattr(rates.Rates, "take", crash)  # to make the step fail

    reply = client.get("/data")

    assert_hardened(reply)
    assert "secret" not in str(assert_problem(reply, 500))


INJECTIONS = [
    "'",
    '"',
    "' OR '1'='1",
    '" OR "1"="1',
    "1 OR 1=1",
    "1; DROP TABLE items",
    "1'; DROP TABLE items; --",
    "') UNION SELECT secret_sha256 FROM api_keys --",
    "1 UNION ALL SELECT NULL, version()",
    "id; SELECT pg_sleep(9)",
    "1) AND (SELECT pg_sleep(9)) IS NULL --",
    "id,(SELECT current_user)",
    "id ASC; DELETE FROM runs",
    "-id desc nulls last, pg_sleep(9)",
    "items.id",
    "public.items",
    "pg_catalog.pg_user",
    "information_schema.tables",
    "case when 1=1 then id else 1/0 end",
    "$$;SELECT 1;$$",
    "E'\\\\'",
    "\\'; SELECT 1 --",
    "%' AND 1=CAST(version() AS int) --",
    "%%%s%(x)s:name",
    ":param",
    "/**/UNION/**/SELECT",
    "-- ",
    "\u02bc OR 1=1",
    "\ufeff' OR 1=1",
    "0x27204f5220313d31",
    "{{7*7}}${7*7}",
    "__class__",
    "__table__",
    "metadata",
    "id\nFROM runs",
    "\x00' OR 1=1",
    "9" * 400,
    "-0",
    "1e400",
    "NaN",
]
# What takes any text gets every injection, the others some each.
TEXTS = ("source", "key", "symbol", "name__contains", "cursor", "since", "reason", "state")
LISTS = ("/data", "/runs", "/rejects", "/stats")


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL texts that the read side executes."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        yield seen
        event.remove(db.engine, "before_cursor_execute", note)


def parameters(client: FlaskClient, path: str) -> list[str]:
    """The query parameters that the description knows."""
    listed = client.get("/openapi.json").json["paths"][path]["get"]["parameters"]
    return [one["name"] for one in listed if one["in"] == "query"]


@pytest.mark.parametrize("path", LISTS)
def test_values_never_become_sql(keyed: FlaskClient, seed: Seed, statements: list[str], path: str) -> None:
    """A refusal or an ordinary answer, and nothing of the value in any statement's text."""
    seed.item(), seed.run(), seed.reject()
    for number, name in enumerate(parameters(keyed, path)):
        for injection in INJECTIONS if name in TEXTS else INJECTIONS[number % 8 :: 8]:
            statements.clear()
            reply = keyed.get(path, query_string={name: injection})
            assert reply.status_code in (200, 422), f"{name}={injection}: {reply.status_code}"
            if len(injection) > 8:
                assert not [one for one in statements if injection in one], f"{name}={injection}"
    with seed.engine.connect() as tx:
        assert tx.scalar(text("SELECT count(*) FROM items")) == 1


@pytest.mark.parametrize("path", LISTS)
def test_names_never_become_sql(keyed: FlaskClient, statements: list[str], path: str) -> None:
    for injection in INJECTIONS:
        for name in (injection, f"{injection}__gt", f"symbol__{injection}"):
            statements.clear()
            assert keyed.get(path, query_string={name: "1"}).status_code == 422, name
            assert statements == []


@pytest.mark.parametrize("name", ["sort", "fields", "facet", "dataset", "count", "format", "window"])
def test_names_come_from_a_list(keyed: FlaskClient, statements: list[str], name: str) -> None:
    path = "/stats" if name == "window" else "/data"
    for injection in INJECTIONS:
        reply = keyed.get(path, query_string={name: injection})
        assert reply.status_code == 422, injection
    assert statements == []


def test_bodies_never_become_sql(keyed: FlaskClient, seed: Seed) -> None:
    for injection in INJECTIONS:
        for body in ({"source": injection}, {"source": [injection]}, {"mode": injection}, {injection: 1}):
            assert keyed.post("/run-etl", json=body).status_code in (404, 422), body
    with seed.engine.connect() as tx:
        assert tx.scalar(text("SELECT count(*) FROM runs")) == 0


DEEP = [
    b"[" * 900 + b"]" * 900,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b"[" * 500_000,
    b"9" * 1_000_000,
    b"1e999999999",
]


@pytest.mark.parametrize("value", DEEP, ids=range(len(DEEP)))
def test_deep_and_long_values(keyed: FlaskClient, value: bytes) -> None:
    for body in (value, b'{"source": ' + value + b"}"):
        reply = keyed.post("/run-etl", data=body, content_type="application/json")
        assert_problem(reply, 422)
        assert len(reply.data) < 1_000


BIG = [10**9, 2**31, 2**63, -1, 0, 10**300]


@pytest.mark.parametrize("path", ["/data", "/runs", "/rejects"])
@pytest.mark.parametrize("limit", BIG)
def test_absurd_limits(keyed: FlaskClient, path: str, limit: int) -> None:
    assert keyed.get(path, query_string={"limit": limit}).status_code == 422


@pytest.mark.parametrize("path", ["/data/{}", "/data/{}/raw", "/runs/{}", "/rejects/{}"])
@pytest.mark.parametrize(
    "id", ["9" * 19, "9" * 20, "9" * 3_900, "-1", "1.0", "1e9", "٣", "0x1", "1%00", "%2e%2e"]
)
def test_absurd_ids(keyed: FlaskClient, path: str, id: str) -> None:
    assert_problem(keyed.get(path.format(id)), 404)


TRAVERSALS = [
    "../auth.py",
    "..%2fauth.py",
    "%2e%2e/auth.py",
    "%2e%2e%2fauth.py",
    "..%5cauth.py",
    "..\\auth.py",
    "....//auth.py",
    "..;/auth.py",
    "vendor/../../auth.py",
    "vendor/..%2f..%2f..%2fingest/settings.py",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "file:///etc/passwd",
    "..%c0%af..%c0%afetc/passwd",
    "%252e%252e%252fauth.py",
    "..%00/auth.py",
    "docs-init.js%00.css",
    ".",
    "..",
    "",
    "vendor",
    "vendor/",
    "con",
    "~root/.bashrc",
    "\ufe19/auth.py",
    "a" * 3_000,
]


@pytest.mark.parametrize("name", TRAVERSALS)
def test_nothing_but_own_files(client: FlaskClient, name: str) -> None:
    reply = client.get(f"/static/{name}", buffered=True)

    assert_problem(reply, 404)
    assert "import" not in reply.text
    assert "root:" not in reply.text


def test_own_files_are_few() -> None:
    """What lies in the folder is served to everybody."""
    static = Path(create_app.__globals__["__file__"]).parent / "static"

    assert {path.suffix for path in static.rglob("*") if path.is_file()} <= {".js", ".css", ".png", ""}
    assert API_KEY not in "".join(path.read_text(errors="ignore") for path in static.rglob("*.js"))
