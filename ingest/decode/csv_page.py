"""Slices of CSV files: every field is text. Two ways to the same frame.

Where every record is one line, those without quotes are split all at once by polars. All other records, and
those of slices with bytes that are no text, are found line by line and taken apart by the csv module.
"""

from dataclasses import replace

from ingest.declared import Source
from ingest.decode.csv_bulk import in_bulk
from ingest.decode.csv_lines import by_lines
from ingest.decode.csv_slice import Slice
from ingest.files.delimited import TOO_LONG
from ingest.page import Frame, Page


def csv_frame(page: Page, source: Source) -> Frame:
    """The records of the slice; the page's request says how it is encoded and where it stood."""
    piece = Slice.of(page)
    if page.request.get("continues"):
        return by_lines(source, replace(piece, text=""))
    if page.request.get("too_long"):
        too_long = piece.reject(0, 0, piece.text, TOO_LONG)
        return replace(by_lines(source, replace(piece, text="")), rejects=[too_long])
    frame = in_bulk(source, piece) if piece.clear else None
    return by_lines(source, piece) if frame is None else frame
