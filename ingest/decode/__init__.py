"""From the bytes of pages to their records as columns of text."""

from ingest.decode.page import decode, decode_together, joined

__all__ = ["decode", "decode_together", "joined"]
