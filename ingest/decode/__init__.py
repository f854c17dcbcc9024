"""From the bytes of a page to its records as columns of text."""

from ingest.decode.page import decode

__all__ = ["decode"]
