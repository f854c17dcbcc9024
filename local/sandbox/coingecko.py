"""CoinGecko v3: flat objects, ids like `bitcoin`, lower-case symbols, pages, limits per minute."""

import hashlib
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, request

from local.sandbox.api import Api, Refused, distance, stamp, whole, world
from local.sandbox.coin import Coin, times
from local.sandbox.gecko_rules import check_key, error, number, sent_key

# Where this API's id or name is not the one that CoinPaprika shows.
IDS = {"binance-coin": "binancecoin", "xrp": "ripple", "avalanche": "avalanche-2", "terra": "terra-luna-2"}
NAMES = {"Binance Coin": "BNB", "USD Coin": "USDC", "Polygon": "Polygon (prev. MATIC)"}
SORTS = {
    "id": lambda coin: coin_id(coin),
    "market_cap": lambda coin: (coin.market_cap or 0, -coin.rank),
    "volume": lambda coin: (coin.volume_24h or 0, coin.slug),
}
HUNDREDTH = Decimal("0.01")
routes = Blueprint("coingecko", __name__)


def coin_id(coin: Coin) -> str:
    """The id of a coin: its slug, with a few that history made different."""
    return IDS.get(coin.slug, coin.slug)


def coin_name(coin: Coin) -> str:
    """The name that this API shows: its own for some coins, and never the word Token at the end."""
    return NAMES.get(coin.name, coin.name.removesuffix(" Token"))


def listing(coin: Coin) -> dict[str, Any]:
    """The coin as one entry of `/coins/list`."""
    return {"id": coin_id(coin), "symbol": coin.symbol.lower(), "name": coin_name(coin)}


def platforms(coin: Coin) -> dict[str, str]:
    """The invented contract address of a coin that lives on another chain; empty for the others."""
    if coin.name.startswith("Wrapped ") or coin.name.endswith((" Token", " Inu", " DAO", "swap")):
        return {"ethereum": "0x" + hashlib.sha256(coin.slug.encode()).hexdigest()[:40]}
    return {}


def market(coin: Coin, rate: Decimal = Decimal(1)) -> dict[str, Any]:
    """The coin as one entry of `/coins/markets`, money times `rate`."""
    change = coin.changes.get("24h")
    part = None if change is None else change * HUNDREDTH
    supply = coin.max_supply or coin.total_supply
    return {
        **listing(coin),
        "image": f"https://assets.example.invalid/coins/{coin_id(coin)}.png",
        "current_price": times(coin.price, rate),
        "market_cap": times(coin.market_cap, rate),
        "market_cap_rank": None if coin.market_cap is None else coin.rank,
        "fully_diluted_valuation": supply and times(times(coin.price, supply), rate),
        "total_volume": times(coin.volume_24h, rate),
        "high_24h": times(coin.high_24h, rate),
        "low_24h": times(coin.low_24h, rate),
        "price_change_24h": part and times(times(coin.price, part), rate),
        "price_change_percentage_24h": change,
        "market_cap_change_24h": part and times(times(coin.market_cap, part), rate),
        "market_cap_change_percentage_24h": change,
        **supplies(coin),
        **extremes(coin, rate),
        "roi": None,
        "last_updated": stamp(coin.updated_at, "milliseconds"),
    }


def supplies(coin: Coin) -> dict[str, Any]:
    """The three supplies, each of which may be null."""
    return {
        "circulating_supply": coin.circulating_supply,
        "total_supply": coin.total_supply,
        "max_supply": coin.max_supply,
    }


def extremes(coin: Coin, rate: Decimal) -> dict[str, Any]:
    """The highest and the lowest price ever, when, and how far away they are."""
    return {
        "ath": times(coin.ath, rate),
        "ath_change_percentage": distance(coin.price, coin.ath),
        "ath_date": stamp(coin.ath_date, "milliseconds"),
        "atl": times(coin.atl, rate),
        "atl_change_percentage": distance(coin.price, coin.atl),
        "atl_date": stamp(coin.atl_date, "milliseconds"),
    }


def asked_rate() -> Decimal:
    """The rate of the required parameter `vs_currency`."""
    currency = request.args.get("vs_currency")
    if not currency:
        raise Refused(422, "Missing parameter vs_currency")
    rate = world().rate(currency)
    if rate is None:
        raise Refused(422, "invalid vs_currency")
    return rate


def asked_coins() -> list[Coin]:
    """The active coins that `ids` names, or all, in the asked order."""
    ids = [name for name in request.args.get("ids", "").split(",") if name]
    coins = [coin for coin in world().active if not ids or coin_id(coin) in ids]
    field, _, way = request.args.get("order", "market_cap_desc").rpartition("_")
    if field not in SORTS or way not in ("asc", "desc"):
        field, way = "market_cap", "desc"
    return sorted(coins, key=SORTS[field], reverse=way == "desc")


def with_changes(record: dict[str, Any], coin: Coin) -> dict[str, Any]:
    """The record with the changes that `price_change_percentage` asks for."""
    periods = [name for name in request.args.get("price_change_percentage", "").split(",") if name]
    extra = {f"price_change_percentage_{name}_in_currency": coin.changes.get(name) for name in periods}
    return record | extra


@routes.get("/coins/markets")
def markets() -> Response:
    """One page of active coins; an empty array past the end."""
    rate, coins = asked_rate(), asked_coins()
    size = min(whole(request.args.get("per_page"), 100), 250)
    first = (whole(request.args.get("page"), 1) - 1) * size
    return API.reply([with_changes(market(coin, rate), coin) for coin in coins[first : first + size]])


@routes.get("/coins/list")
def coin_list() -> Response:
    """Id, symbol and name of every active coin, with contract addresses on demand."""
    wide = request.args.get("include_platform") == "true"
    records = [listing(coin) | ({"platforms": platforms(coin)} if wide else {}) for coin in world().active]
    return API.reply(sorted(records, key=lambda record: record["id"]))


@routes.get("/ping")
def ping() -> Response:
    """The sign of life."""
    return API.reply({"gecko_says": "(V3) To the Moon!"})


API = Api(
    name="CoinGecko",
    base="/api/v3",
    port=8102,
    routes=routes,
    number=number,
    error=error,
    sent_key=sent_key,
    check_key=check_key,
    limit=30,
    window=60,
    says_when=True,
    json_type="application/json; charset=utf-8",
)
