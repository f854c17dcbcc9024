"""CoinPaprika v1: one nested object a coin, ids like `btc-bitcoin`, no paging, limits per second."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from flask import Blueprint, Request, Response, current_app, g, request

from local.sandbox.api import Api, Refused, distance, stamp, whole, world
from local.sandbox.coin import Coin, times
from local.sandbox.text import tiny

ERRORS = {
    400: "invalid parameters",
    402: "this plan does not allow the call, or its monthly quota is used up",
    403: "invalid API key",
    404: "id not found",
    429: "too many requests",
    500: "internal server error",
}
PERIODS = ("15m", "30m", "1h", "6h", "12h", "24h", "7d", "30d", "1y")
routes = Blueprint("coinpaprika", __name__)


def coin_id(coin: Coin) -> str:
    """The id of a coin: symbol and slug; a rename does not change it."""
    return f"{coin.symbol.lower()}-{coin.slug}"


def listing(coin: Coin) -> dict[str, Any]:
    """The coin as one entry of `/coins`."""
    return {
        "id": coin_id(coin),
        "name": coin.name,
        "symbol": coin.symbol,
        "rank": coin.rank,
        "is_new": False,
        "is_active": coin.is_active,
        "type": "coin" if coin.max_supply is None else "token",
    }


def ticker(coin: Coin, rates: Mapping[str, Decimal]) -> dict[str, Any]:
    """The coin as one entry of `/tickers`, with a quote for each currency of `rates`."""
    record: dict[str, Any] = {
        "id": coin_id(coin),
        "name": coin.name,
        "symbol": coin.symbol,
        "rank": coin.rank,
        "total_supply": coin.total_supply,
        "max_supply": coin.max_supply,
        "circulating_supply": coin.circulating_supply,
        "beta_value": coin.changes.get("1h"),
        "first_data_at": stamp(coin.first_seen, "seconds"),
        "last_updated": stamp(coin.updated_at, "seconds"),
        "quotes": {currency: quote(coin, rate) for currency, rate in rates.items()},
    }
    if coin.circulating_supply is None:
        del record["circulating_supply"]
    return record


def quote(coin: Coin, rate: Decimal) -> dict[str, Any]:
    """The coin's numbers in one currency."""
    return {
        "price": times(coin.price, rate),
        "volume_24h": times(coin.volume_24h, rate),
        "volume_24h_change_24h": coin.changes.get("12h"),
        "market_cap": times(coin.market_cap, rate),
        "market_cap_change_24h": coin.changes.get("24h"),
        **{f"percent_change_{period}": coin.changes.get(period) for period in PERIODS},
        "ath_price": times(coin.ath, rate),
        "ath_date": stamp(coin.ath_date, "seconds"),
        "percent_from_price_ath": distance(coin.price, coin.ath),
    }


def asked_rates() -> dict[str, Decimal]:
    """The currencies of the parameter `quotes`, at most three, with their rates."""
    names = [name.strip().upper() for name in request.args.get("quotes", "USD").split(",")]
    rates = {name: world().rate(name) for name in names}
    if len(names) > 3 or None in rates.values():
        raise Refused(400, "invalid quotes")
    return {name: rate for name, rate in rates.items() if rate is not None}


@routes.get("/tickers")
def tickers() -> Response:
    """All active coins by rank, or the first `limit` of them."""
    coins, rates = world().active, asked_rates()
    limit = whole(request.args.get("limit"), len(coins))
    return API.reply([ticker(coin, rates) for coin in coins[:limit]])


@routes.get("/tickers/<wanted>")
def one_ticker(wanted: str) -> Response:
    """One coin by its id; 404 when it is unknown or delisted."""
    rates = asked_rates()
    for coin in world().active:
        if coin_id(coin) == wanted:
            return API.reply(ticker(coin, rates))
    raise Refused(404)


@routes.get("/coins")
def coins() -> Response:
    """Every coin, the delisted ones too."""
    return API.reply([listing(coin) for coin in world().coins])


@routes.get("/key/info")
def key_info() -> Response:
    """The plan of the key and what is left of its quota; 402 without a key."""
    if g.key not in ("right", "unchecked"):
        raise Refused(402)
    made, quota = g.calls, current_app.config["QUOTA"]
    month = {"requests_made": made, "requests_left": max(quota - made, 0) if quota else None}
    return API.reply({"plan": "starter", "plan_status": "active", "usage": {"current_month": month}})


def error(status: int, message: str) -> dict[str, Any]:
    """The one error body of this API."""
    return {"error": message or ERRORS.get(status, "unexpected error")}


def sent_key(asked: Request) -> str | None:
    """The key of the Authorization header, with or without the word Bearer: the documents disagree."""
    value = asked.headers.get("Authorization")
    return value.removeprefix("Bearer ") if value else None


def check_key(asked: Request, verdict: str) -> None:
    """Refuse a wrong key. A call without one is welcome, as on the free host."""
    if verdict == "wrong":
        raise Refused(403)


API = Api(
    name="CoinPaprika",
    base="/v1",
    port=8101,
    routes=routes,
    number=partial(tiny, below=6, width=1),
    error=error,
    sent_key=sent_key,
    check_key=check_key,
    limit=10,
    window=1,
    says_when=False,
    json_type="application/json",
)
