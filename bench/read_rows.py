"""A million items where a worker would have put them, by COPY, on servers of the bench's own."""

import io
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import polars as pl
import psycopg2

from ingest import catalog, db, settings
from ingest.migrate import migrate
from tests.servers import Servers, servers

BATCH = 100_000
API_KEY = "bench-key-0123456789abcdef"
COLUMNS = (
    "source, key, content_hash, raw_id, raw_index, run_id, created_at, updated_at,"
    " symbol, name, price_usd, market_cap_usd, volume_24h_usd, change_24h_pct, rank, observed_at"
)
COPY = f"COPY items ({COLUMNS}) FROM STDIN CSV"


@contextmanager
def stocked(rows: int) -> Iterator[Servers]:
    """Both servers, with so many items of the shipped catalogue; the environment points at them."""
    with servers() as both:
        both.postgres.create("read")
        os.environ.update(
            DATABASE_URL=both.postgres.url("read"),
            REDIS_URL=both.redis.url,
            API_KEY=API_KEY,
            LOG_LEVEL="INFO",
        )
        settings.settings.cache_clear()
        engine = db.new_engine(settings.settings().database_url)
        migrate(engine, catalog.catalog())
        engine.dispose()
        _load(both.postgres.url("read"), rows)
        yield both


def _load(url: str, rows: int) -> None:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for first in range(1, rows + 1, BATCH):
            cursor.copy_expert(COPY, _csv(first, min(first + BATCH, rows + 1)))
        cursor.execute("VACUUM ANALYZE items")


def _csv(first: int, after: int) -> io.BytesIO:
    """Rows like those of two sources of prices: exact numbers of many digits, some of them missing."""
    number = pl.int_range(first, after, eager=True).alias("number")
    day = pl.format("2026-{}-{}", _two(pl.col("number") % 12 + 1), _two(pl.col("number") % 28 + 1))
    hour = pl.format("{}:{}", _two(pl.col("number") % 24), _two(pl.col("number") % 60))
    moment = pl.format(
        "{}T{}:{}.{}Z", day, hour, _two(pl.col("number") % 59), pl.col("number") % 900_000 + 100_000
    )
    file = io.BytesIO()
    number.to_frame().select(
        source=pl.when(pl.col("number") % 2 == 0).then(pl.lit("coinpaprika")).otherwise(pl.lit("coingecko")),
        key=pl.format("coin-{}", "number"),
        content_hash=pl.format(
            "{}-0000-4000-8000-000000000000", pl.col("number").cast(pl.String).str.zfill(8)
        ),
        raw_id=pl.col("number") // 1000 + 1,
        raw_index=pl.col("number") % 1000,
        run_id=pl.col("number") // 100_000 + 1,
        created_at=moment,
        updated_at=moment,
        symbol=pl.format("C{}", pl.col("number") % 9973),
        name=pl.format('Coin "{}"', "number"),
        price_usd=pl.format("{}.{}", pl.col("number") % 70_001, pl.col("number") * 7919 % 99_999_989),
        market_cap_usd=pl.format("{}.{}", pl.col("number") * 104_729, pl.col("number") % 97),
        volume_24h_usd=pl.when(pl.col("number") % 10 > 0).then(pl.format("{}.5", pl.col("number") * 31)),
        change_24h_pct=pl.format("-{}.{}", pl.col("number") % 40, pl.col("number") % 89),
        rank=pl.col("number"),
        observed_at=pl.format("{}T{}:00Z", day, hour),
    ).write_csv(file, include_header=False)
    file.seek(0)
    return file


def _two(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.String).str.zfill(2)
