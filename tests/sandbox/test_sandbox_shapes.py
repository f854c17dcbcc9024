"""What each stand-in API answers: shapes, names, exact numbers, pages, parameters."""

import re
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from local.sandbox import coingecko, coinpaprika
from local.sandbox.app import create_app
from local.sandbox.text import decode, encode, plain
from local.sandbox.world import World

TICKERS = "/v1/tickers"
MARKETS = "/api/v3/coins/markets"


@pytest.fixture(scope="module")
def world() -> World:
    return World(size=700)


@pytest.fixture(scope="module")
def paprika(world: World) -> FlaskClient:
    return create_app("coinpaprika", world, limit=0).test_client()


@pytest.fixture(scope="module")
def gecko(world: World) -> FlaskClient:
    return create_app("coingecko", world, limit=0).test_client()


def get(client: FlaskClient, path: str, **query: Any) -> Any:
    answer = client.get(path, query_string=query)
    assert answer.status_code == 200, answer.text
    return decode(answer.data)


def test_replies_say_what_they_are(paprika: FlaskClient) -> None:
    for path in (TICKERS, "/v1/nothing", "/_sandbox/world"):
        assert paprika.get(path).headers["X-Sandbox"] == "stand-in, not the real API"


def test_ticker_shape(paprika: FlaskClient) -> None:
    record = get(paprika, f"{TICKERS}/btc-bitcoin")

    assert (record["id"], record["symbol"], record["name"], record["rank"]) == (
        "btc-bitcoin",
        "BTC",
        "Bitcoin",
        1,
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["last_updated"])
    assert list(record["quotes"]) == ["USD"]


def test_market_shape(gecko: FlaskClient) -> None:
    (record,) = get(gecko, MARKETS, vs_currency="usd", ids="bitcoin")

    assert (record["id"], record["symbol"], record["market_cap_rank"]) == ("bitcoin", "btc", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["last_updated"])
    assert record["roi"] is None


def test_names_differ_between_the_apis(world: World) -> None:
    coin = world.coin("binance-coin")

    assert (coinpaprika.coin_id(coin), coin.name) == ("bnb-binance-coin", "Binance Coin")
    assert (coingecko.coin_id(coin), coingecko.coin_name(coin)) == ("binancecoin", "BNB")


def test_ids_are_unique(world: World) -> None:
    for identify in (coinpaprika.coin_id, coingecko.coin_id):
        assert len({identify(coin) for coin in world.coins}) == 700


def test_tickers_equal_the_world(paprika: FlaskClient, world: World) -> None:
    records = get(paprika, TICKERS)

    assert len(records) == 700
    for record, coin in zip(records, world.active, strict=True):
        quote = record["quotes"]["USD"]
        assert record["id"] == coinpaprika.coin_id(coin)
        assert quote["price"] == coin.price
        assert quote["market_cap"] == coin.market_cap
        assert quote["volume_24h"] == coin.volume_24h
        assert record.get("circulating_supply") == coin.circulating_supply


def test_repeated_fetch_is_identical(paprika: FlaskClient, gecko: FlaskClient) -> None:
    for client, path in ((paprika, TICKERS), (gecko, f"{MARKETS}?vs_currency=usd")):
        assert client.get(path).data == client.get(path).data


def test_changes_on_demand(gecko: FlaskClient) -> None:
    (record,) = get(gecko, MARKETS, vs_currency="usd", ids="bitcoin", price_change_percentage="1h,7d")

    assert "price_change_percentage_7d_in_currency" in record
    assert "price_change_percentage_30d_in_currency" not in record


def test_other_currencies(paprika: FlaskClient, gecko: FlaskClient) -> None:
    ticker = get(paprika, f"{TICKERS}/btc-bitcoin", quotes="USD,BTC")
    (record,) = get(gecko, MARKETS, vs_currency="eur", ids="tether")

    assert list(ticker["quotes"]) == ["USD", "BTC"]
    assert round(ticker["quotes"]["BTC"]["price"], 12) == 1
    assert record["current_price"] == Decimal("0.9998") * Decimal("0.92")


def test_limit_cuts_tickers(paprika: FlaskClient) -> None:
    assert [record["rank"] for record in get(paprika, TICKERS, limit=3)] == [1, 2, 3]


def test_delisted_coin_is_gone() -> None:
    world = World(size=40)
    world.change("litecoin", is_active=False, rank=0)
    paprika = create_app("coinpaprika", world, limit=0).test_client()
    gecko = create_app("coingecko", world, limit=0).test_client()

    listed = {coin["id"]: coin["is_active"] for coin in get(paprika, "/v1/coins")}

    assert listed["ltc-litecoin"] is False
    assert len(get(paprika, TICKERS)) == len(get(gecko, "/api/v3/coins/list")) == 39
    assert paprika.get(f"{TICKERS}/ltc-litecoin").status_code == 404
    assert get(gecko, MARKETS, vs_currency="usd", ids="litecoin") == []


def test_renamed_coin_keeps_its_ids() -> None:
    world = World(size=40)
    before = world.coin("polygon")

    after = world.change("polygon", name="POL")

    assert coinpaprika.coin_id(after) == coinpaprika.coin_id(before)
    assert (coingecko.coin_id(after), coingecko.coin_name(after)) == ("polygon", "POL")


def test_list_with_contracts(gecko: FlaskClient) -> None:
    coins = {coin["id"]: coin for coin in get(gecko, "/api/v3/coins/list", include_platform="true")}

    assert coins["bitcoin"]["platforms"] == {}
    assert re.fullmatch(r"0x[0-9a-f]{40}", coins["wrapped-bitcoin"]["platforms"]["ethereum"])


def test_ping(gecko: FlaskClient) -> None:
    assert get(gecko, "/api/v3/ping") == {"gecko_says": "(V3) To the Moon!"}


@pytest.mark.parametrize(
    ("number", "paprika_text", "gecko_text"),
    [
        ("0", "0", "0"),
        ("1.50", "1.5", "1.5"),
        ("3E+7", "30000000", "30000000"),
        ("0.00001234", "0.00001234", "1.234e-05"),
        ("1E-12", "1e-12", "1e-12"),
        ("-0.000000123", "-1.23e-7", "-1.23e-07"),
        ("87077.696619246851234", "87077.696619246851234", "87077.696619246851234"),
    ],
)
def test_number_text(number: str, paprika_text: str, gecko_text: str) -> None:
    value = Decimal(number)

    assert encode(value, coinpaprika.API.number) == paprika_text
    assert encode(value, coingecko.API.number) == gecko_text
    assert Decimal(paprika_text) == Decimal(gecko_text) == Decimal(plain(value)) == value


def test_text_is_utf8(paprika: FlaskClient) -> None:
    body = paprika.get(TICKERS).data.decode()

    assert "狗狗币" in body
    assert '"USD1 \\"World\\""' in body
