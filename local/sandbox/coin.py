"""The neutral facts about one coin, before either API gives them its own names and formats."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PERIODS = ("15m", "30m", "1h", "6h", "12h", "24h", "7d", "14d", "30d", "200d", "1y")
DIGITS = Context(prec=17)


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin at one moment. Money is in US dollars, `changes` holds percentages by period."""

    slug: str
    symbol: str
    name: str
    price: Decimal
    market_cap: Decimal | None
    volume_24h: Decimal | None
    circulating_supply: Decimal | None
    total_supply: Decimal | None
    max_supply: Decimal | None
    high_24h: Decimal | None
    low_24h: Decimal | None
    ath: Decimal | None
    atl: Decimal | None
    ath_date: datetime
    atl_date: datetime
    first_seen: datetime
    updated_at: datetime
    changes: dict[str, Decimal] = field(default_factory=dict)
    rank: int = 0
    is_active: bool = True

    @property
    def trades(self) -> bool:
        """Whether it has a price and a market capitalisation, so that it can move."""
        return self.is_active and self.price > 0 and (self.market_cap or 0) > 0


def times(value: Decimal | None, factor: Decimal) -> Decimal | None:
    """The value times the factor in 17 digits; the value itself when the factor is 1."""
    if value is None or factor == 1:
        return value
    return DIGITS.multiply(value, factor)
