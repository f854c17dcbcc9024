"""The world behind both stand-in APIs: the same for the same seed, and as awkward as the real one."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from local.sandbox.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_same_seed_same_world(world: World) -> None:
    assert World().coins == world.coins


def test_other_seed_other_world(world: World) -> None:
    assert World(seed=8).digest() != world.digest()


def test_worlds_tick_alike() -> None:
    one, other = World(), World()

    for _ in range(3):
        one.tick()
        other.tick()

    assert one.digest() == other.digest()


def test_size_is_the_number_of_coins(world: World) -> None:
    assert len(world.active) == world.size == 2400


def test_symbols_are_shared(world: World) -> None:
    users = Counter(coin.symbol for coin in world.active)

    assert sum(1 for count in users.values() if count > 1) >= 3
    assert users["UNI"] == 2


def test_prices_span_the_scale(world: World) -> None:
    prices = [coin.price for coin in world.active]

    assert Decimal("1E-12") in prices
    assert 0 in prices
    assert max(prices) > 90_000


def test_some_numbers_exceed_a_float(world: World) -> None:
    assert any(Decimal(repr(float(coin.price))) != coin.price for coin in world.active)
    assert any(coin.price == coin.price.to_integral_value() for coin in world.active)


@pytest.mark.parametrize("fact", ["market_cap", "circulating_supply", "max_supply", "total_supply"])
def test_some_facts_are_unknown(world: World, fact: str) -> None:
    unknown = sum(getattr(coin, fact) is None for coin in world.active)

    assert 0 < unknown < len(world.active)


def test_ranks_follow_market_value(world: World) -> None:
    known = [coin.market_cap for coin in world.active if coin.market_cap is not None]

    assert [coin.rank for coin in world.active] == list(range(1, 2401))
    assert known == sorted(known, reverse=True)


def test_times_are_aware(world: World) -> None:
    assert all(coin.updated_at.utcoffset() == timedelta(0) for coin in world.active)


def test_tick_moves_about_one_percent() -> None:
    world = World()
    before = world.coins

    world.tick()

    moved = [coin for coin in before if world.coin(coin.slug) != coin]
    assert 12 <= len(moved) <= 40


def test_tick_keeps_ranks_whole() -> None:
    world = World()

    world.tick()

    assert [coin.rank for coin in world.active] == list(range(1, 2400))
    known = [coin.market_cap for coin in world.active if coin.market_cap is not None]
    assert known == sorted(known, reverse=True)


def test_tick_delists_and_renames() -> None:
    world = World(size=60)
    names = {coin.slug: coin.name for coin in world.coins}

    world.tick()
    world.tick()

    assert sum(not coin.is_active for coin in world.coins) == 1
    assert sum(names[coin.slug] != coin.name for coin in world.coins) == 1


def test_tick_reports_one_coin_late() -> None:
    world = World()
    before = world.coins

    world.tick()

    late = [coin for coin in before if world.coin(coin.slug).updated_at < coin.updated_at]
    assert len(late) == 1


def test_many_ticks_stay_whole() -> None:
    world = World(size=80)

    for _ in range(40):
        world.tick()

    assert [coin.rank for coin in world.active] == list(range(1, 61))


def test_change_sets_facts() -> None:
    world = World(size=40)

    world.change("bitcoin", price=Decimal("1.5"))

    assert world.coin("bitcoin").price == Decimal("1.5")
