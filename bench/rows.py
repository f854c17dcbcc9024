"""Seeded rows of coins: what a careless upstream sends, and what must stand in the table afterwards.

Of 200 rows one is broken in one of eight ways, and one carries the key of an earlier row, near or far, with
a newer or an older version. All values come from the row's number by arithmetic alone, so the same seed
gives the same bytes on every machine.
"""

import polars as pl

COLUMNS = (
    "id",
    "name",
    "symbol",
    "category",
    "price",
    "market_cap",
    "volume",
    "rank",
    "is_active",
    "updated_at",
)
NUMBERS = ("price", "market_cap", "volume", "rank", "is_active")
BROKEN = ("short", "long", "price", "negative", "date", "no key", "boolean", "rank")
CATEGORIES = ("currency", "stablecoin", "exchange token", "governance", "game", "meme", "oracle", "bridge")
# Duplicates and what they repeat stay within one block, so that blocks can be made one after another.
BLOCK = 1_000_000
DAY = 86_400
EPOCH = 1_767_225_600  # 2026-01-01
MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def mixed(number: pl.Expr, salt: int) -> pl.Expr:
    """A number that looks like chance (splitmix64; unsigned products wrap around)."""
    first, second, third = (pl.lit(each, pl.UInt64) for each in MULTIPLIERS)
    value = (number.cast(pl.UInt64) + salt * 1_000_003) * first
    value = (value ^ (value // 2**30)) * second
    value = (value ^ (value // 2**27)) * third
    return value ^ (value // 2**31)


def block(first: int, rows: int, *, seed: int) -> pl.DataFrame:
    """Rows from `first` on: the values as text, and how each one is broken ("": it is good)."""
    number, salt = pl.col("number"), seed * 100
    dice = mixed(number, salt)
    repeats = (dice % 200 == 1) & (number > first)
    back = pl.when(dice // 200 % 2 == 0).then(mixed(number, salt + 1) % 50).otherwise(mixed(number, salt + 1))
    back = 1 + back % pl.max_horizontal(number - first, 1)
    stale = repeats & (dice // 400 % 2 == 0)
    ways = pl.lit(pl.Series(("", *BROKEN))).gather(
        pl.when(dice % 200 == 0).then(1 + dice // 200 % len(BROKEN)).otherwise(0)
    )
    # A broken row with the key of a good one must not take that one along.
    key = number - pl.when(repeats).then(back).otherwise((dice % 400 == 0) & (number > first)).cast(pl.UInt64)
    numbered = pl.select(number=pl.int_range(first, first + rows, dtype=pl.UInt64))
    shaped = numbered.with_columns(
        broken=ways,
        key=key,
        second=number + 2 * DAY * 365 * (~stale).cast(pl.UInt64),
        price=mixed(number, salt + 2) % 10**11,
    )
    return shaped.with_columns(**_values(salt))


def changed(rows: pl.DataFrame, one_in: int, *, seed: int, times: int = 1) -> pl.DataFrame:
    """The same rows, of which one in so many has another price and a newer version."""
    mine = mixed(pl.col("number"), seed * 100 + 50 + times) % one_in == 0
    newer = rows.with_columns(
        price=pl.when(mine).then((pl.col("price") + 7_000_007 * times) % 10**11).otherwise("price"),
        second=pl.col("second") + mine.cast(pl.UInt64) * 2 * DAY * 365 * times,
    )
    return newer.with_columns(mine=mine, **_texts())


def standing(rows: pl.DataFrame) -> pl.DataFrame:
    """What must stand: of the good rows the newest of each key, in the order of the file."""
    good = rows.filter(pl.col("broken") == "").sort("second", "number")
    return good.unique("id", keep="last").sort("number")


def _values(salt: int) -> dict[str, pl.Expr]:
    """The columns that do not change with the version, then those that do."""
    number, named = pl.col("number"), pl.col("key")
    letters = [(pl.lit(pl.Series(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")))) for _ in range(4)]
    symbol = [letter.gather(mixed(named, salt + 3 + at) % 26) for at, letter in enumerate(letters)]
    comma = pl.when(mixed(named, salt + 8) % 100 == 0).then(pl.lit(", the second")).otherwise(pl.lit(""))
    return {
        "id": pl.concat_str(pl.lit("coin-"), named.cast(pl.String).str.zfill(8)),
        "name": pl.concat_str(pl.lit("Coin "), mixed(named, salt + 9).cast(pl.String).str.head(6), comma),
        "symbol": pl.concat_str(*symbol),
        "category": pl.lit(pl.Series(CATEGORIES)).gather(mixed(named, salt + 10) % len(CATEGORIES)),
        "market_cap": _decimal(mixed(number, salt + 11) % 10**14, 2),
        "volume": _decimal(mixed(number, salt + 12) % 10**9, 2),
        "rank": (1 + mixed(number, salt + 13) % 10**6).cast(pl.String),
        "is_active": pl.when(mixed(number, salt + 14) % 3 > 0)
        .then(pl.lit("true"))
        .otherwise(pl.lit("false")),
    } | _texts()


def _texts() -> dict[str, pl.Expr]:
    """The columns that a new version changes; the numbers that they show keep names of their own."""
    moment = pl.from_epoch(EPOCH + pl.col("second").cast(pl.Int64), time_unit="s")
    return {
        "price_text": _decimal(pl.col("price"), 6),
        "updated_at": moment.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _decimal(value: pl.Expr, places: int) -> pl.Expr:
    whole, rest = value // 10**places, value % 10**places
    return pl.concat_str(whole.cast(pl.String), pl.lit("."), rest.cast(pl.String).str.zfill(places))
