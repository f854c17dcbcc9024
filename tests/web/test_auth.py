"""The key: nobody without it starts or stops anything, and nobody reads it anywhere."""

import pytest
from flask.testing import FlaskClient

from tests.conftest import API_KEY
from tests.web.asking import count_runs, post
from tests.web.seeding import Seed


@pytest.mark.parametrize(
    "key", [None, "", "wrong", API_KEY[:-1], API_KEY + "x", API_KEY.upper(), "schlüssel"]
)
@pytest.mark.parametrize("path", ["/run-etl", "/runs/1/cancel"])
def test_no_key_no_run(client: FlaskClient, seed: Seed, key: str | None, path: str) -> None:
    reply = client.post(path, json={"source": "nobody"}, headers={} if key is None else {"x-api-key": key})

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "ApiKey"
    assert count_runs(seed) == 0


def test_key_counts_only_in_the_header(client: FlaskClient) -> None:
    assert client.post(f"/run-etl?x-api-key={API_KEY}").status_code == 401
    assert client.post("/run-etl", json={"x-api-key": API_KEY}).status_code == 401


def test_key_is_not_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    post(client, {"source": "prices"})
    client.get(f"/data?x-api-key={API_KEY}")
    client.post("/run-etl", headers={"x-api-key": "a-wrong-key-of-somebody"})

    assert "request served" in caplog.text
    assert API_KEY not in caplog.text
    assert "a-wrong-key-of-somebody" not in caplog.text
