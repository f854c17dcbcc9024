"""Three rows that filters can tell apart: a low, a high and an empty one."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.web.seeding import NOON

TOKEN = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
LOW: dict[str, Any] = {
    "symbol": "ADA",
    "name": "100% real_",
    "price": Decimal("0.000000000001"),
    "rank": 1,
    "ratio": 0.5,
    "active": True,
    "listed": date(2020, 1, 1),
    "observed_at": NOON,
    "details": {"a": 1},
    "token": TOKEN,
}
HIGH: dict[str, Any] = {
    "symbol": "BTC",
    "name": "Bitcoin",
    "price": Decimal("123456789012345678901234.5"),
    "rank": 2,
    "ratio": 1.5,
    "active": False,
    "listed": date(2021, 1, 1),
    "observed_at": NOON + timedelta(days=1),
}
EMPTY: dict[str, Any] = {"symbol": "ZZZ"}
