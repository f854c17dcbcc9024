"""From the bytes of pages to a frame of text columns. Pure. A new media type is one entry of DECODERS."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

import polars as pl

from ingest.declared import Source
from ingest.decode.csv_page import csv_frame
from ingest.decode.json_page import json_frame, json_frames
from ingest.decode.jsonl_page import jsonl_frame
from ingest.page import CSV, JSON, JSONL, Frame, Page, Record

DECODERS: dict[str, Callable[[Page, Source], Frame]] = {
    JSON: json_frame,
    JSONL: jsonl_frame,
    CSV: csv_frame,
}


def decode(page: Page, source: Source) -> Frame:
    """Return the records of the page; those that cannot be taken apart are its rejects."""
    return DECODERS[page.media_type](page, source)


def decode_together(pages: Sequence[Page], source: Source) -> tuple[Frame, list[int]]:
    """The records of pages in one frame, numbered through, and the number of each page's first one."""
    found = json_frames(pages, source) if all(page.media_type == JSON for page in pages) else None
    if found is not None:
        return found
    return joined([decode(page, source) for page in pages])


def joined(frames: Sequence[Frame]) -> tuple[Frame, list[int]]:
    """One frame of several, their records numbered through, and the number of each one's first record."""
    starts = [0, *accumulate(frame.records for frame in frames[:-1])]
    if len(frames) == 1:
        return frames[0], starts
    numbered = list(zip(frames, starts, strict=True))
    index = pl.concat([frame.index + start for frame, start in numbered])
    rejects = [
        replace(reject, index=start + reject.index) for frame, start in numbered for reject in frame.rejects
    ]
    first_rows = [0, *accumulate(len(frame.index) for frame in frames[:-1])]

    def record(row: int) -> Record:
        page = bisect_right(first_rows, row) - 1
        return frames[page].record(row - first_rows[page])

    return Frame(pl.concat([frame.cells for frame in frames]), index, rejects, record), starts
