"""Where a row came from: its raw page, and the record's own text cut out of it."""

import json
from typing import Any

from sqlalchemy import Row, select

from ingest.catalog import catalog
from ingest.decode import decode
from ingest.errors import IngestError
from ingest.json_text import dump
from ingest.packed import unpack
from ingest.page import Page
from models import RawPage
from webapp.database import db


def raw_page(item: Row[Any]) -> RawPage | None:
    """The page that the item came from; None when it has been pruned."""
    wanted = select(RawPage).where(RawPage.source == item.source, RawPage.id == item.raw_id)
    return db.session.scalars(wanted).one_or_none()


def body(raw: RawPage) -> bytes:
    """The page's bytes as they came."""
    return unpack(raw.body, raw.size)


def document(item: Row[Any], raw: RawPage) -> dict[str, Any]:
    """The item's record and its page, as the API shows them."""
    return {
        "id": item.id,
        "source": item.source,
        "key": item.key,
        "run_id": item.run_id,
        "raw_id": item.raw_id,
        "raw_index": item.raw_index,
        "record": record_text(raw, item.raw_index),
        "page": {
            "request": raw.request,
            "media_type": raw.media_type,
            "sha256": raw.sha256.hex(),
            "size": raw.size,
            "records": raw.records,
            "part": raw.part,
            "sequence": raw.sequence,
            "run_id": raw.run_id,
            "fetched_at": raw.fetched_at,
            "landed_at": raw.landed_at,
        },
    }


def record_text(raw: RawPage, index: int) -> str | None:
    """The record's own text; None when today's declaration of the source no longer finds it."""
    source = catalog().sources.get(raw.source)
    if source is None:
        return None
    # Numbers come from the database as their text; a decoder wants them as numbers.
    request = json.loads(dump(raw.request))
    page = Page(body(raw), raw.media_type, request, None, raw.part, raw.fetched_at)
    # The declaration may have changed in any way since, and then the page does not fit it any more.
    try:
        frame = decode(page, source)
    except (IngestError, ValueError, TypeError, KeyError):
        return None
    row = {number: row for row, number in enumerate(frame.index)}.get(index)
    return None if row is None else _printable(frame.record(row).text)


def _printable(text: str) -> str:
    """Half a surrogate pair has no UTF-8; it is shown as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
