"""The one world that both stand-in APIs show: coins that are the same for the same seed and tick."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from threading import RLock
from typing import Any

from local.sandbox import genesis
from local.sandbox.coin import DIGITS, START, Coin, times

__all__ = ["Coin", "World"]

STEP = timedelta(minutes=1)
EUROS = Decimal("0.92")


class World:
    """Coins that stand still until `tick`. Two worlds of one seed and size that ticked alike are equal."""

    def __init__(self, seed: int = 7, size: int = 2400) -> None:
        self.seed, self.size, self.ticks = seed, size, 0
        self._lock = RLock()
        self._coins = {coin.slug: coin for coin in genesis.coins(Random(seed), size)}

    @property
    def coins(self) -> tuple[Coin, ...]:
        """Every coin, the active ones by rank, then the delisted ones."""
        with self._lock:
            return tuple(sorted(self._coins.values(), key=lambda coin: (not coin.is_active, coin.rank)))

    @property
    def active(self) -> tuple[Coin, ...]:
        """The coins that are listed now, by rank."""
        return tuple(coin for coin in self.coins if coin.is_active)

    @property
    def now(self) -> datetime:
        """The world's own time, which only a tick moves."""
        return START + self.ticks * STEP

    def coin(self, slug: str) -> Coin:
        """The coin of that slug, listed or not; KeyError when there is none."""
        return self._coins[slug]

    def change(self, slug: str, **facts: Any) -> Coin:
        """Give one coin other facts, for a test that needs a particular event, and return it."""
        with self._lock:
            self._coins[slug] = replace(self._coins[slug], **facts)
            return self._coins[slug]

    def rate(self, currency: str) -> Decimal | None:
        """What one US dollar is worth in USD, EUR or BTC; None for any other currency."""
        rates = {
            "USD": Decimal(1),
            "EUR": EUROS,
            "BTC": DIGITS.divide(Decimal(1), self.coin("bitcoin").price),
        }
        return rates.get(currency.upper())

    def digest(self) -> str:
        """A short text that is equal for equal worlds, whatever process they live in."""
        return hashlib.sha256(repr(self.coins).encode()).hexdigest()[:16]

    def tick(self) -> None:
        """Let one minute pass: some prices and ranks move, and a coin is delisted or renamed."""
        with self._lock:
            self.ticks += 1
            rng = Random(f"{self.seed}/{self.ticks}")
            for higher, lower in pairs(rng, [coin for coin in self.active if coin.trades]):
                self._trade_places(rng, higher, lower)
            self._report_late(rng)
            if self.ticks % 2:
                self.change(self.active[-1].slug, is_active=False, rank=0)
            else:
                renamed = rng.choice(self.active)
                self.change(renamed.slug, name=f"{renamed.name} Next")

    def _trade_places(self, rng: Random, one: Coin, other: Coin) -> None:
        """Swap rank and market value of two coins, so that no third coin's rank moves."""
        self._move(rng, one, other)
        self._move(rng, other, one)

    def _move(self, rng: Random, coin: Coin, place: Coin) -> None:
        price = times(coin.price, DIGITS.divide(place.market_cap, coin.market_cap))
        self.change(
            coin.slug,
            price=price,
            market_cap=place.market_cap,
            rank=place.rank,
            volume_24h=times(coin.volume_24h, Decimal("1.01")),
            high_24h=max(coin.high_24h, price),
            low_24h=min(coin.low_24h, price),
            ath=max(coin.ath, price),
            updated_at=self.now - timedelta(milliseconds=rng.randrange(60_000)),
        )

    def _report_late(self, rng: Random) -> None:
        """Give one coin an older time with another price, as upstreams do after an outage."""
        late = rng.choice([coin for coin in self.active if coin.trades])
        older = late.updated_at - timedelta(hours=1)
        self.change(late.slug, price=times(late.price, Decimal("0.99")), updated_at=older)


def pairs(rng: Random, ranked: list[Coin]) -> list[tuple[Coin, Coin]]:
    """About one coin in a hundred, paired with one some places below it; no coin twice."""
    found: list[tuple[Coin, Coin]] = []
    used: set[int] = set()
    for _ in range(max(1, len(ranked) // 200)):
        high = rng.randrange(len(ranked) - 1)
        low = min(high + rng.randint(1, 1 + high // 10), len(ranked) - 1)
        if not used & {high, low}:
            used |= {high, low}
            found.append((ranked[high], ranked[low]))
    return found
