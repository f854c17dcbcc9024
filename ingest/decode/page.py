"""From the bytes of a page to a frame of text columns. Pure. A new media type is one entry of DECODERS."""

from collections.abc import Callable

from ingest.declared import Source
from ingest.decode.csv_page import csv_frame
from ingest.decode.json_page import json_frame
from ingest.decode.jsonl_page import jsonl_frame
from ingest.page import CSV, JSON, JSONL, Frame, Page

DECODERS: dict[str, Callable[[Page, Source], Frame]] = {
    JSON: json_frame,
    JSONL: jsonl_frame,
    CSV: csv_frame,
}


def decode(page: Page, source: Source) -> Frame:
    """Return the records of the page; those that cannot be taken apart are its rejects."""
    return DECODERS[page.media_type](page, source)
