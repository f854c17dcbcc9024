"""The peer of the read API: FastAPI, asyncpg and orjson. It runs in an environment of its own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI, Query, Response

COLUMNS = (
    "id, source, key, symbol, name, price_usd, market_cap_usd, volume_24h_usd, change_24h_pct, rank,"
    " observed_at, run_id, created_at, updated_at"
)
QUERY = f"SELECT {COLUMNS} FROM items WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2"


@asynccontextmanager
async def pooled(app: FastAPI) -> AsyncIterator[None]:
    """Connections for as long as the application lives."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8) as app.state.pool:
        yield


app = FastAPI(lifespan=pooled)


@app.get("/data")
async def data(limit: int = Query(100, ge=1, le=1000), after: int = 0) -> Response:
    """A page of rows after an id."""
    rows = await app.state.pool.fetch(QUERY, after, limit + 1)
    shown = [dict(row) for row in rows[:limit]]
    page = {"has_more": len(rows) > limit, "last": shown[-1]["id"] if shown else None}
    body = orjson.dumps({"data": shown, "page": page}, default=exact, option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json")


def exact(value: Any) -> orjson.Fragment:
    """A decimal with all its digits."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)
