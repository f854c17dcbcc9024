"""The catalogue: YAML files to checked declarations, all errors at once."""

from ingest.catalog.load import catalog, load

__all__ = ["catalog", "load"]
