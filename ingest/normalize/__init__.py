"""From columns of text to good rows and rejects, by the dataset's schema."""

from ingest.normalize.rows import normalize

__all__ = ["normalize"]
