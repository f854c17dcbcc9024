"""How a world begins: the known coins, then invented ones until it is full, ranked by market value."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from local.sandbox.coin import DIGITS, PERIODS, START, Coin, times
from local.sandbox.known import known

SYLLABLES = (
    *("al", "ba", "cor", "dex", "el", "fi", "gra", "hy", "in", "ju", "kan", "lo", "mi"),
    *("no", "or", "pa", "qua", "rin", "so", "ter", "ul", "vex", "wan", "xy", "yo", "zen"),
)
ENDINGS = ("", "", " Token", " Protocol", " Network", " Finance", "swap", " Inu", " DAO")
PRICE_POWERS = (-12, -10, -8, -7, -6, -5, -4, -4, -3, -3, -2, -2, -1, -1, 0, 0, 1, 2, 3, 4)


def coins(rng: Random, size: int) -> list[Coin]:
    """`size` coins with their ranks, the same for the same state of `rng`."""
    born = [known_coin(rng, *row) for row in known()[:size]]
    names = {coin.slug for coin in born}
    while len(born) < size:
        coin = invented_coin(rng)
        if coin.slug not in names:
            names.add(coin.slug)
            born.append(coin)
    return ranked(born)


def ranked(born: list[Coin]) -> list[Coin]:
    """The coins in order of market value, each with its rank; those of unknown value come last."""
    ordered = sorted(born, key=lambda coin: (coin.market_cap is None, -(coin.market_cap or 0), coin.slug))
    return [replace(coin, rank=rank) for rank, coin in enumerate(ordered, start=1)]


def number(rng: Random, power: int) -> Decimal:
    """A number from 10^power up to 10^(power+1), short or so long that a float would not hold it."""
    digits = rng.choice((1, 3, 6, 12, 17))
    return Decimal(rng.randrange(10 ** (digits - 1), 10**digits)).scaleb(power + 1 - digits)


def known_coin(rng: Random, symbol: str, name: str, slug: str, price: str, supply: str, maximum: str) -> Coin:
    """A coin of the table; its market value is price times supply."""
    value = DIGITS.multiply(Decimal(price), Decimal(supply))
    return coin(
        rng,
        (slug, symbol, name),
        price=Decimal(price),
        market_cap=value.to_integral_value() if rng.random() < 0.5 else value,
        supply=Decimal(supply),
        maximum=Decimal(maximum) if maximum else None,
    )


def invented_coin(rng: Random) -> Coin:
    """A coin made of syllables; one in thirty has neither market value nor supply."""
    stem = "".join(rng.choices(SYLLABLES, k=rng.choice((2, 3, 3, 4))))
    name = stem.capitalize() + rng.choice(ENDINGS)
    price, value = number(rng, rng.choice(PRICE_POWERS)), number(rng, rng.randint(3, 7))
    supply = DIGITS.divide(value, price)
    unknown = rng.random() < 1 / 30
    return coin(
        rng,
        (name.lower().replace(" ", "-"), stem[: rng.choice((4, 5, 6, 7))].upper(), name),
        price=price,
        market_cap=None if unknown else value,
        supply=None if unknown else supply,
        maximum=supply * 2 if rng.random() < 0.4 else None,
    )


def coin(
    rng: Random,
    names: tuple[str, str, str],
    *,
    price: Decimal,
    market_cap: Decimal | None,
    supply: Decimal | None,
    maximum: Decimal | None,
) -> Coin:
    """A coin with everything that follows from, or fits to, its price and supply."""
    slug, symbol, name = names
    return Coin(
        slug=slug,
        symbol=symbol,
        name=name,
        price=price,
        market_cap=market_cap,
        volume_24h=None if rng.random() < 0.02 else times(market_cap, number(rng, -2)),
        circulating_supply=supply,
        total_supply=None if rng.random() < 0.02 else supply,
        max_supply=maximum,
        high_24h=times(price, Decimal("1.021")),
        low_24h=times(price, Decimal("0.97")),
        ath=times(price, number(rng, 0)),
        atl=times(price, number(rng, -2)),
        ath_date=before(rng, START, days=900),
        atl_date=before(rng, START, days=2000),
        first_seen=before(rng, START, days=4000),
        updated_at=before(rng, START, days=0),
        changes={} if rng.random() < 0.02 else {period: percentage(rng) for period in PERIODS},
    )


def percentage(rng: Random) -> Decimal:
    """A change in per cent, with two to eight decimals, often negative."""
    places = rng.choice((2, 2, 5, 8))
    return Decimal(rng.randint(-20 * 10**places, 25 * 10**places)).scaleb(-places)


def before(rng: Random, when: datetime, *, days: int) -> datetime:
    """A moment, to the millisecond, in the ten minutes that end `days` or fewer days before `when`."""
    return when - timedelta(days=rng.randint(0, days), milliseconds=rng.randrange(600_000))
