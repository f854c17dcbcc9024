"""A seeded CSV file and its declaration: mostly clean rows, some broken, some keys twice."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATASET = """
fields:
  name: {type: string, required: true}
  symbol: string
  category: string
  price: {type: decimal, min: 0}
  market_cap: decimal
  volume: decimal
  rank: integer
  is_active: boolean
  updated: datetime
"""
SOURCE = """
dataset: coins
kind: csv_file
options: {path: coins.csv}
key: id
fields: {name: name, symbol: symbol, category: category, price: price, market_cap: market_cap, volume: volume,
         rank: rank, is_active: is_active, updated: updated_at}
"""
HEADER = "id,name,symbol,category,price,market_cap,volume,rank,is_active,updated_at"


@dataclass(frozen=True)
class Written:
    """What a file holds: lines, lines that no schema accepts, lines whose key came before."""

    rows: int
    broken: int
    repeated: int

    @property
    def items(self) -> int:
        """How many items must stand after loading."""
        return self.rows - self.broken - self.repeated


def write(path: Path, rows: int, *, seed: int = 7) -> Written:
    """Write the file; the same seed gives the same bytes."""
    chance = random.Random(seed)
    broken = repeated = 0
    with path.open("w") as file:
        file.write(HEADER + "\n")
        for number, line in enumerate(_lines(chance, rows)):
            broken += number % 200 == 7
            repeated += number % 200 == 9
            file.write(line)
    return Written(rows, broken, repeated)


def _lines(chance: random.Random, rows: int) -> Iterator[str]:
    for number in range(rows):
        price = "not-a-price" if number % 200 == 7 else f"{chance.random() * 1000:.6f}"
        key = number - 1 if number % 200 == 9 else number
        moment = f"2026-01-01T{number % 24:02}:{number % 60:02}:00Z"
        yield (
            f"c{key},Coin {key},S{number % 999},cat{number % 7},{price},{number * 1000},"
            f"{chance.random() * 1e6:.2f},{number + 1},{'true' if number % 3 else 'false'},{moment}\n"
        )
