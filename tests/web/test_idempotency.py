"""Idempotency-Key: a request that is sent twice happens once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, update

from models import Run
from tests.web.asking import count_runs, post
from tests.web.seeding import Seed


def test_same_key_same_runs(client: FlaskClient, seed: Seed) -> None:
    first = post(client, {"source": "prices"}, Idempotency_Key="order-1")
    second = post(client, {"source": "prices"}, Idempotency_Key='"order-1"')

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json["runs"][0]["run_id"] == first.json["runs"][0]["run_id"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Location"] == first.headers["Location"]


def test_same_key_after_the_end(client: FlaskClient, seed: Seed) -> None:
    id = post(client, {"source": "prices"}, Idempotency_Key="order-1").json["runs"][0]["run_id"]
    with seed.engine.begin() as tx:
        tx.execute(update(Run).values(state="succeeded", finished_at=func.now()))

    again = post(client, {"source": "prices"}, Idempotency_Key="order-1")

    assert (again.json["runs"][0]["run_id"], again.json["runs"][0]["state"]) == (id, "succeeded")
    assert count_runs(seed) == 1


def test_same_key_other_body(client: FlaskClient, seed: Seed) -> None:
    post(client, {"source": "prices"}, Idempotency_Key="order-1")

    reply = post(client, {"source": "by_hand"}, Idempotency_Key="order-1")

    assert reply.status_code == 422
    assert count_runs(seed) == 1


def test_conflicts_are_not_stored(client: FlaskClient, seed: Seed) -> None:
    id = seed.run(state="queued")
    assert post(client, {"source": "prices"}, Idempotency_Key="order-1").status_code == 409
    with seed.engine.begin() as tx:
        tx.execute(update(Run).where(Run.id == id).values(state="cancelled", finished_at=func.now()))

    assert post(client, {"source": "prices"}, Idempotency_Key="order-1").status_code == 202


def test_same_key_twenty_times_at_once(app: Flask, seed: Seed) -> None:
    with ThreadPoolExecutor(20) as threads:
        replies = list(
            threads.map(
                lambda _: post(app.test_client(), {"source": "prices"}, Idempotency_Key="k"), range(20)
            )
        )

    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json["runs"][0]["run_id"] for reply in replies}) == 1
    assert sum("Idempotent-Replayed" in reply.headers for reply in replies) == 19


@pytest.mark.parametrize("key", ['""', "x" * 256, "naïve"])
def test_bad_idempotency_key(client: FlaskClient, key: str) -> None:
    assert post(client, {"source": "prices"}, Idempotency_Key=key).status_code == 422
