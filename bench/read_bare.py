"""The floor of the read API: one Flask route, psycopg2 and orjson, and nothing around them."""

import os
import threading
from decimal import Decimal
from typing import Any

import orjson
import psycopg2
from flask import Flask, Response, request

COLUMNS = (
    "id, source, key, symbol, name, price_usd, market_cap_usd, volume_24h_usd, change_24h_pct, rank,"
    " observed_at, run_id, created_at, updated_at"
)
NAMES = COLUMNS.split(", ")
QUERY = f"SELECT {COLUMNS} FROM items WHERE deleted_at IS NULL AND id > %s ORDER BY id LIMIT %s"

app = Flask(__name__)
kept = threading.local()


@app.get("/data")
def data() -> Response:
    """A page of rows after an id."""
    limit, after = int(request.args.get("limit", 100)), int(request.args.get("after", 0))
    with cursor() as reading:
        reading.execute(QUERY, (after, limit + 1))
        rows = reading.fetchall()
    shown = [dict(zip(NAMES, row, strict=True)) for row in rows[:limit]]
    page = {"has_more": len(rows) > limit, "last": shown[-1]["id"] if shown else None}
    body = orjson.dumps({"data": shown, "page": page}, default=exact, option=orjson.OPT_UTC_Z)
    return Response(body, content_type="application/json")


def cursor() -> Any:
    """A cursor on the connection of this thread."""
    if not hasattr(kept, "connection"):
        kept.connection = psycopg2.connect(os.environ["DATABASE_URL"], options="-c timezone=UTC")
        kept.connection.autocommit = True
    return kept.connection.cursor()


def exact(value: Any) -> orjson.Fragment:
    """A decimal with all its digits."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)
