"""The four shipped sources against independent readings of what they read, value by value, both ways."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from ingest import runs
from ingest.catalog import catalog
from ingest.db import engine as this_engine
from ingest.execute import execute
from ingest.settings import ROOT, settings
from local.sandbox import coingecko, coinpaprika
from local.sandbox.server import Sandbox
from local.sandbox.world import World
from tests.conftest import forget

COLUMNS = "symbol, name, price_usd, market_cap_usd, volume_24h_usd, change_24h_pct, rank, observed_at"
FILES = ROOT / "catalog" / "data"
SCALE = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


@pytest.fixture
def sandboxes(database, monkeypatch):
    """Both stand-ins over one world; the shipped sources point at them."""
    world = World()
    with Sandbox("coinpaprika", world=world) as paprika, Sandbox("coingecko", world=world) as gecko:
        monkeypatch.setenv("COINPAPRIKA_URL", paprika.url)
        monkeypatch.setenv("COINGECKO_URL", gecko.url)
        monkeypatch.setenv("COINGECKO_RATE", "1000/minute")
        forget()
        yield world


def run(source, mode="incremental"):
    """Run a shipped source once; the row of its run."""
    with this_engine().begin() as tx:
        requested = runs.request(tx, source, trigger="cli", mode=mode)
    execute(this_engine(), None, catalog(), settings(), requested.run_id, worker="test")
    with this_engine().connect() as connection:
        return connection.execute(text("SELECT * FROM runs WHERE id = :id"), {"id": requested.run_id}).one()


def stored(source):
    """What stands in items: key to the declared values."""
    with this_engine().connect() as connection:
        query = text(f"SELECT key, {COLUMNS} FROM items WHERE source = :source")
        return {row[0]: tuple(row[1:]) for row in connection.execute(query, {"source": source})}


def from_coinpaprika(world):
    """What CoinPaprika's stand-in offers, read off the world itself."""
    return {
        coinpaprika.coin_id(coin): (
            coin.symbol.upper(),
            coin.name,
            coin.price,
            coin.market_cap,
            coin.volume_24h,
            coin.changes.get("24h"),
            coin.rank or None,
            coin.updated_at.replace(microsecond=0),
        )
        for coin in world.active
    }


def from_coingecko(world):
    """The same coins as CoinGecko tells them; without a market cap there is no rank."""
    return {
        coingecko.coin_id(coin): (
            coin.symbol.upper(),
            coingecko.coin_name(coin),
            coin.price,
            coin.market_cap,
            coin.volume_24h,
            coin.changes.get("24h"),
            coin.rank if coin.market_cap is not None else None,
            coin.updated_at.replace(microsecond=coin.updated_at.microsecond // 1000 * 1000),
        )
        for coin in world.active
    }


def from_coins_csv(world):
    """The plain file, but for its three bad rows."""
    with (FILES / "coins.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["id"] not in ("broken-price", "no-symbol", "leap-year")
        ]
    return {
        row["id"]: (
            row["symbol"].upper(),
            row["name"],
            *(
                Decimal(row[name]) if row[name] else None
                for name in ("price_usd", "market_cap", "volume_24h")
            ),
            Decimal(row["price_change_24h"]) if row["price_change_24h"] else None,
            None,
            datetime.fromisoformat(row["timestamp"]).astimezone(UTC),
        )
        for row in rows
    }


def from_coins_quirky_csv(world):
    """The quirky file, read by hand: of equal tickers the latest row stands."""
    with (FILES / "coins_quirky.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file, delimiter=";")][1:]
    whole = [[cell.strip() for cell in row] for row in rows if len(row) == 6 and row[2] != "invalid_price"]
    found = {}
    for ticker, name, price, cap, volume, when in whole:
        local = datetime.strptime(when, "%d-%m-%Y %H:%M:%S").replace(tzinfo=ZoneInfo("Europe/Berlin"))
        values = (
            ticker.upper(),
            name,
            amount(price),
            amount(cap),
            amount(volume),
            None,
            None,
            local.astimezone(UTC),
        )
        if ticker not in found or found[ticker][-1] <= values[-1]:
            found[ticker] = values
    return found


def amount(words):
    """A money word as a number: by stripping, not by the product's pattern."""
    if words in ("", "n/a", "N/A", "-", "unknown"):
        return None
    bare = words.replace("USD", "").replace("$", "").replace(",", "").strip()
    factor = SCALE.get(bare[-1].lower(), 1)
    return Decimal(bare.rstrip("kKmMbBtT")) * factor


READINGS = {
    "coinpaprika": (from_coinpaprika, 0),
    "coingecko": (from_coingecko, 0),
    "coins_csv": (from_coins_csv, 3),
    "coins_quirky_csv": (from_coins_quirky_csv, 2),
}


@pytest.mark.parametrize("source", READINGS)
def test_items_equal_an_independent_reading(sandboxes, source):
    read, rejects = READINGS[source]

    row = run(source)

    expected, items = read(sandboxes), stored(source)
    assert {key: items.get(key) for key in expected} == expected
    assert {key: expected.get(key) for key in items} == items
    assert (row.state, row.rejected) == ("succeeded", rejects)


@pytest.mark.parametrize("source", READINGS)
def test_running_again_changes_nothing(sandboxes, source):
    """Whether it reads only what is new or everything anew."""
    run(source)
    before = stored(source)

    again, anew = run(source), run(source, mode="full")

    assert [(row.state, row.inserted, row.updated) for row in (again, anew)] == [("succeeded", 0, 0)] * 2
    assert stored(source) == before


def test_a_tick_updates_what_moved(sandboxes):
    """After the world moves, the newest of both moments stands; a coin that came back older does not win."""
    before = from_coingecko(sandboxes)
    run("coingecko")
    sandboxes.tick()
    after = from_coingecko(sandboxes)

    row = run("coingecko")

    newest = {
        key: max(values, after.get(key, values), key=lambda one: one[-1]) for key, values in before.items()
    }
    assert stored("coingecko") == newest
    assert row.updated == sum(before[key] != newest[key] for key in before)
