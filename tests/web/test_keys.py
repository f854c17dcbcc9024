"""Issued keys: what they open, until when, and what nobody learns of them."""

import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from ingest import keys
from ingest.keys import Created
from local.servers import free_port
from models import ApiKey
from tests.conftest import API_KEY, forget
from tests.web.asking import served
from tests.web.seeding import Seed
from webapp import create_app

ONE_ID = {"X-Request-Id": "always-the-same"}


def issue(seed: Seed, scope: str, **about: Any) -> Created:
    """Make a key."""
    with seed.engine.begin() as tx:
        return keys.create(tx, "somebody", scope, **about)


def revoke(seed: Seed, key: Created) -> None:
    """Take a key back."""
    with seed.engine.begin() as tx:
        assert keys.revoke(tx, key.prefix)


def expire(seed: Seed, key: Created) -> None:
    """Let a key have ended."""
    with seed.engine.begin() as tx:
        tx.execute(update(ApiKey).where(ApiKey.prefix == key.prefix).values(expires_at=text("now()")))


def sent(key: Created | str, **others: str) -> dict[str, str]:
    """The header with a key."""
    return {"x-api-key": key if isinstance(key, str) else key.key, **others}


def bad_keys(seed: Seed) -> dict[str, str]:
    """Every way in which a key can be wrong."""
    good, revoked, expired = issue(seed, "admin"), issue(seed, "admin"), issue(seed, "admin")
    revoke(seed, revoked)
    expire(seed, expired)
    secret = good.key.partition("_")[2]
    return {
        "revoked": revoked.key,
        "expired": expired.key,
        "other secret": f"{good.prefix}_{'0' * 64}",
        "cut": good.key[:-1],
        "longer": good.key + "0",
        "upper": good.key.upper(),
        "secret alone": secret,
        "prefix alone": good.prefix,
        "no secret": f"{good.prefix}_",
        "unknown prefix": f"{'0' * 12}_{secret}",
        "hash": f"{good.prefix}_{'ab' * 32}",
        "no form": "' OR 1=1 --_x",
        "empty": "",
        "what PostgreSQL cannot hold": "\0_x",
        "letters": "schlüssel_ß",
        "huge": "a" * 8_000,
    }


def test_one_reply_for_all_that_is_wrong(client: FlaskClient, seed: Seed) -> None:
    """The bodies are equal, byte for byte, so that nobody learns which keys exist."""
    none = client.get("/rejects", headers=ONE_ID)
    replies = {
        name: client.get("/rejects", headers=sent(key, **ONE_ID)) for name, key in bad_keys(seed).items()
    }

    assert {name for name, reply in replies.items() if reply.status_code != 401} == set()
    assert {reply.data for reply in replies.values()} == {none.data}
    assert {reply.headers["WWW-Authenticate"] for reply in replies.values()} == {"ApiKey"}


def test_key_is_read_from_the_header_alone(client: FlaskClient, seed: Seed) -> None:
    key = issue(seed, "admin").key

    for name in ("api_key", "x-api-key", "key"):
        assert client.get(f"/rejects?{name}={key}").status_code == 401
        client.set_cookie(name, key)
    assert client.get("/rejects").status_code == 401
    assert client.get("/rejects", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert client.get("/rejects", headers={"x-api-key": key}).status_code == 200


def test_wrong_key_is_refused_where_none_is_needed(client: FlaskClient) -> None:
    """Whoever sends a key believes in it, and should hear that it is not good."""
    assert client.get("/data").status_code == 200
    assert client.get("/data", headers=sent("wrong")).status_code == 401


def test_revoked_at_once_in_all_processes(app: Flask, seed: Seed) -> None:
    """Two applications stand for two processes: nothing is remembered between requests."""
    key, others = issue(seed, "read"), [app.test_client(), create_app().test_client()]
    assert [client.get("/rejects", headers=sent(key)).status_code for client in others] == [200, 200]

    revoke(seed, key)

    assert [client.get("/rejects", headers=sent(key)).status_code for client in others] == [401, 401]


def test_expiry_is_kept(client: FlaskClient, seed: Seed) -> None:
    key = issue(seed, "read", lasts=timedelta(days=90))
    assert client.get("/rejects", headers=sent(key)).status_code == 200

    expire(seed, key)

    assert client.get("/rejects", headers=sent(key)).status_code == 401


def last_used(seed: Seed, key: Created) -> Any:
    """When the key was used, and the transaction that wrote so."""
    with seed.engine.connect() as tx:
        query = select(ApiKey.last_used_at, text("xmin::text")).where(ApiKey.prefix == key.prefix)
        return tuple(tx.execute(query).one())


def test_use_is_noted_once_a_minute(client: FlaskClient, seed: Seed) -> None:
    key = issue(seed, "read")
    assert last_used(seed, key)[0] is None

    client.get("/rejects", headers=sent(key))
    first = last_used(seed, key)
    client.get("/rejects", headers=sent(key))
    second = last_used(seed, key)
    with seed.engine.begin() as tx:
        tx.execute(text("UPDATE api_keys SET last_used_at = now() - interval '61 seconds'"))
    client.get("/rejects", headers=sent(key))

    assert first[0] is not None
    assert second == first
    assert last_used(seed, key)[0] > first[0]


def test_key_opens_a_server_that_only_reads(client: FlaskClient, seed: Seed) -> None:
    """A standby, or a disk that is full: no time of use is written, and nobody is refused for it."""
    key = issue(seed, "read")
    only_reading(seed, "on")
    try:
        assert client.get("/rejects", headers=sent(key)).status_code == 200
    finally:
        only_reading(seed, "off")

    assert last_used(seed, key)[0] is None


def only_reading(seed: Seed, switch: str) -> None:
    """Let new connections write or not; those that are open are replaced."""
    with seed.engine.begin() as tx:
        tx.execute(text("SET TRANSACTION READ WRITE"))
        tx.execute(text(f"ALTER DATABASE web SET default_transaction_read_only = {switch}"))
    seed.engine.dispose()


def test_refused_key_is_not_used(client: FlaskClient, seed: Seed) -> None:
    key = issue(seed, "read")

    client.get("/rejects", headers=sent(f"{key.prefix}_wrong"))

    assert last_used(seed, key)[0] is None


def test_rotation_under_load(app: Flask, seed: Seed) -> None:
    """Two keys live at a time: nobody is refused while the one takes over from the other."""
    old, new = issue(seed, "read"), issue(seed, "read")
    switched = threading.Barrier(5)

    def ask(key: Created) -> int:
        return app.test_client().get("/rejects", headers=sent(key)).status_code

    def use(_: int) -> list[int]:
        before = [ask(old) for _ in range(10)]
        switched.wait()
        return before + [ask(new) for _ in range(20)]

    with ThreadPoolExecutor(4) as threads:
        clients = [threads.submit(use, number) for number in range(4)]
        switched.wait()
        revoke(seed, old)
        statuses = [status for client in clients for status in client.result()]

    assert statuses == [200] * 120
    assert ask(old) == 401


def test_bootstrap_key_needs_no_postgres(app: Flask, seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    key = issue(seed, "admin")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    monkeypatch.setenv("PUBLIC_READS", "false")
    forget()
    client = create_app().test_client()

    by_bootstrap, by_issued = (client.get("/health", headers=sent(it)) for it in (API_KEY, key))

    assert by_bootstrap.json["checks"]["postgres:responseTime"][0]["status"] == "fail"
    assert (by_bootstrap.status_code, by_issued.status_code) == (503, 503)
    assert by_issued.content_type == "application/health+json"
    assert by_issued.json == {"status": "fail", "request_id": by_issued.json["request_id"]}


def test_runs_name_the_key(client: FlaskClient, seed: Seed) -> None:
    key = issue(seed, "trigger")

    asked = client.post("/run-etl", json={"source": "prices"}, headers=sent(key))

    shown = client.get(asked.headers["Location"]).json
    assert shown["requested_by"] == f"api:{key.prefix}"


def test_idempotency_keys_of_two_do_not_meet(client: FlaskClient, seed: Seed) -> None:
    mine, theirs = issue(seed, "trigger"), issue(seed, "trigger")
    first = client.post("/run-etl", json={"source": "prices"}, headers=sent(mine, **{"Idempotency-Key": "1"}))
    [run] = first.json["runs"]
    with seed.engine.begin() as tx:
        tx.execute(text("UPDATE runs SET state = 'succeeded', finished_at = now()"))

    other = client.post(
        "/run-etl", json={"source": "by_hand"}, headers=sent(theirs, **{"Idempotency-Key": "1"})
    )
    same = client.post("/run-etl", json={"source": "prices"}, headers=sent(mine, **{"Idempotency-Key": "1"}))
    changed = client.post(
        "/run-etl", json={"source": "by_hand"}, headers=sent(mine, **{"Idempotency-Key": "1"})
    )

    assert other.status_code == 202
    assert "Idempotent-Replayed" not in other.headers
    assert other.json["runs"][0]["run_id"] != run["run_id"]
    assert same.headers["Idempotent-Replayed"] == "true"
    assert same.json["runs"][0]["run_id"] == run["run_id"]
    assert changed.status_code == 422


def test_nothing_of_a_secret_is_written(
    client: FlaskClient,
    seed: Seed,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither the logs of good, bad and failing requests nor a dump of the tables hold one."""
    caplog.set_level(logging.DEBUG)
    key = issue(seed, "trigger")
    secret = key.key.partition("_")[2]
    client.post("/run-etl", json={"source": "prices"}, headers=sent(key))
    client.get("/rejects", headers=sent(key.key + "0"))
    client.post("/run-etl", json={"source": key.key}, headers=sent(key))
    client.get("/rejects", headers=sent(f"0{key.key}"))

    everything = io.StringIO()
    with seed.engine.connect() as tx:
        for table in ("api_keys", "runs"):
            everything.write(str(tx.execute(text(f"SELECT t::text FROM {table} t")).all()))
    assert key.prefix in everything.getvalue()
    assert secret not in everything.getvalue() + caplog.text + capsys.readouterr().err


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """The log lines of an event."""
    return [
        record.msg for record in caplog.records if getattr(record.msg, "get", dict().get)("event") == event
    ]


def test_audit_of_a_request(
    client: FlaskClient,
    seed: Seed,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = issue(seed, "trigger")

    [run] = client.post("/run-etl", json={"source": "prices"}, headers=sent(key)).json["runs"]

    [asked] = logged(caplog, "runs requested")
    [line] = served(capsys)
    assert (asked["by"], asked["runs"]) == (f"api:{key.prefix}", [run["run_id"]])
    assert (line["key"], line["status"]) == (key.prefix, 202)


def test_audit_of_a_refusal(client: FlaskClient, seed: Seed, caplog: pytest.LogCaptureFixture) -> None:
    bad = bad_keys(seed)
    for key in (None, bad["revoked"], bad["other secret"], bad["unknown prefix"]):
        client.get("/rejects", headers={} if key is None else sent(key))

    lines = logged(caplog, "key refused")
    assert [line["why"] for line in lines] == ["none was sent", "revoked", "unknown", "unknown"]
    assert [line["key"] for line in lines][1:] == [
        bad["revoked"].partition("_")[0],
        bad["other secret"].partition("_")[0],
        None,
    ]
    assert {(line["path"], line["address"]) for line in lines} == {("/rejects", "127.0.0.1")}
