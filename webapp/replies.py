"""The envelope of every list: data, page, request id and latency; and its headers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import orjson
import xxhash
from flask import Response, g, request

from webapp import paging
from webapp.hooks import latency_ms
from webapp.queries.slices import Slice
from webapp.wire import json_bytes

REVALIDATE = "private, no-cache"


def objects(rows: Sequence[Sequence[Any]]) -> orjson.Fragment:
    """The list of rows that begin with their own JSON."""
    return orjson.Fragment("[" + ",".join([row[0] for row in rows]) + "]")


def listing(data: list[Any] | orjson.Fragment, page: Mapping[str, Any], **members: Any) -> Response:
    """A list as JSON, with an ETag of what it holds: an unchanged page answers 304."""
    body = json_bytes({"data": data, "page": page, **members})
    etag = xxhash.xxh3_128_hexdigest(body)
    about = json_bytes({"request_id": g.request_id, "api_latency_ms": latency_ms()})
    response = Response(body[:-1] + b"," + about[1:], content_type="application/json")
    response.headers["ETag"] = f'W/"{etag}"'
    link_next(response, page["next_cursor"])
    response.headers["Cache-Control"] = REVALIDATE
    # It looks at much else, which takes longer than to write the reply.
    asks = "If-None-Match" in request.headers or "If-Match" in request.headers
    return response.make_conditional(request) if asks else response


def page_of(found: Slice, limit: int, belongs: str, **members: Any) -> dict[str, Any]:
    """The `page` member of a list."""
    more = found.has_more and found.end is not None
    cursor = paging.encode(found.end, belongs) if more else None
    return {"limit": limit, "next_cursor": cursor, "has_more": found.has_more, **members}


def link_next(response: Response, cursor: str | None) -> None:
    """Add the Link header to the page that follows."""
    if cursor is None:
        return
    kept = _encoded(
        tuple((name, value) for name, value in request.args.items(multi=True) if name != "cursor")
    )
    asked = f"{kept}&cursor={cursor}" if kept else f"cursor={cursor}"
    response.headers["Link"] = f'<{request.path}?{asked}>; rel="next"'


_encoded = lru_cache(256)(urlencode)
