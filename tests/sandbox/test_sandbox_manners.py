"""Keys and error bodies of the stand-ins."""

import pytest
from flask.testing import FlaskClient

from local.sandbox.app import create_app
from local.sandbox.world import World

TICKERS = "/v1/tickers?limit=1"
PING = "/api/v3/ping"
WORLD = World(size=40)


def paprika(**options: object) -> FlaskClient:
    return create_app("coinpaprika", WORLD, **({"limit": 0} | options)).test_client()


def gecko(**options: object) -> FlaskClient:
    return create_app("coingecko", WORLD, **({"limit": 0} | options)).test_client()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Authorization": "right"}, 200),
        ({"Authorization": "Bearer right"}, 200),
        ({"Authorization": "wrong"}, 403),
        ({"Authorization": "Bearer wrong"}, 403),
    ],
)
def test_coinpaprika_keys(headers: dict[str, str], status: int) -> None:
    assert paprika(keys=["right"]).get(TICKERS, headers=headers).status_code == status


def test_coinpaprika_ignores_keys_without_a_list() -> None:
    assert paprika().get(TICKERS, headers={"Authorization": "any"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (PING, {}, 401),
        (PING, {"x-cg-demo-api-key": "wrong"}, 401),
        (PING, {"x-cg-demo-api-key": "right"}, 200),
        (f"{PING}?x_cg_demo_api_key=right", {}, 200),
        (PING, {"x-cg-pro-api-key": "right"}, 400),
    ],
)
def test_coingecko_keys(path: str, headers: dict[str, str], status: int) -> None:
    assert gecko(keys=["right"]).get(path, headers=headers).status_code == status


def test_coingecko_needs_no_key_without_a_list() -> None:
    assert gecko().get(PING).status_code == 200


def test_coingecko_missing_key_body() -> None:
    status = gecko(keys=["right"]).get(PING).json["status"]

    assert sorted(status) == ["error_code", "error_message", "timestamp"]
    assert status["error_code"] == 10002


def test_coingecko_pro_key_body() -> None:
    body = gecko().get(PING, headers={"x-cg-pro-api-key": "x"}).json

    assert body["error_code"] == 10010
    assert "root URL" in body["status"]["error_message"]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/v1/tickers/no-coin", 404, {"error": "id not found"}),
        ("/v1/tickers?quotes=USD,EUR,BTC,USD", 400, {"error": "invalid quotes"}),
        ("/v1/tickers?quotes=XXX", 400, {"error": "invalid quotes"}),
        ("/v1/nothing", 404, {"error": "not found"}),
    ],
)
def test_coinpaprika_errors(path: str, status: int, body: dict[str, str]) -> None:
    answer = paprika().get(path)

    assert (answer.status_code, answer.json) == (status, body)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/api/v3/coins/markets", 422, {"error": "Missing parameter vs_currency"}),
        ("/api/v3/coins/markets?vs_currency=xxx", 422, {"error": "invalid vs_currency"}),
        ("/api/v3/nothing", 404, {"error": "not found"}),
    ],
)
def test_coingecko_errors(path: str, status: int, body: dict[str, str]) -> None:
    answer = gecko().get(path)

    assert (answer.status_code, answer.json) == (status, body)
