"""Pages of the CoinGecko stand-in: together they are the world, each coin once, numbers exact."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient

from local.sandbox import coingecko
from local.sandbox.app import create_app
from local.sandbox.text import decode
from local.sandbox.world import World

MARKETS = "/api/v3/coins/markets"


@pytest.fixture(scope="module")
def world() -> World:
    return World(size=700)


@pytest.fixture(scope="module")
def gecko(world: World) -> FlaskClient:
    return create_app("coingecko", world, limit=0).test_client()


def page(client: FlaskClient, **query: Any) -> Any:
    answer = client.get(MARKETS, query_string={"vs_currency": "usd"} | query)
    assert answer.status_code == 200
    return decode(answer.data)


def pages(client: FlaskClient, **query: Any) -> Iterator[Any]:
    for number in count(1):
        records = page(client, page=number, **query)
        if not records:
            return
        yield from records


def test_markets_equal_the_world(gecko: FlaskClient, world: World) -> None:
    records = {record["id"]: record for record in pages(gecko, order="id_asc", per_page=250)}

    for coin in world.active:
        record = records[coingecko.coin_id(coin)]
        assert record["current_price"] == coin.price
        assert record["market_cap"] == coin.market_cap
        assert record["total_volume"] == coin.volume_24h
        assert record["max_supply"] == coin.max_supply


@pytest.mark.parametrize("size", [1, 7, 100, 250])
def test_pages_by_id_hold_each_coin_once(size: int) -> None:
    world = World(size=40 if size == 1 else 700)
    client = create_app("coingecko", world, limit=0).test_client()

    ids = [record["id"] for record in pages(client, order="id_asc", per_page=size)]

    assert ids == sorted(coingecko.coin_id(coin) for coin in world.active)


@pytest.mark.parametrize(("query", "length"), [({}, 100), ({"per_page": 3}, 3), ({"per_page": 999}, 250)])
def test_page_length(gecko: FlaskClient, query: dict[str, int], length: int) -> None:
    assert len(page(gecko, **query)) == length


def test_orders(gecko: FlaskClient) -> None:
    by_value = page(gecko)
    by_volume = page(gecko, order="volume_desc")
    backwards = page(gecko, order="id_desc")

    assert [record["market_cap_rank"] for record in by_value] == list(range(1, 101))
    assert by_volume == sorted(by_volume, key=lambda record: -record["total_volume"])
    assert backwards == sorted(backwards, key=lambda record: record["id"], reverse=True)
