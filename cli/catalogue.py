"""The catalogue by itself, for commands that need no database, which the settings would ask for."""

from pathlib import Path

from cli.problems import unknown
from ingest.catalog import load
from ingest.declared import Catalog, Source
from ingest.settings import ROOT, environment


def declared() -> Catalog:
    """The catalogue that the environment points at. Raises ConfigInvalid."""
    return load(_folder("CATALOG_DIR", ROOT / "catalog"), environment(), files_root=files_root())


def declared_source(name: str) -> Source:
    """The declared source of this name. Raises UsageError with the nearest one, or ConfigInvalid."""
    sources = declared().sources
    if name not in sources:
        raise unknown("source", name, sources)
    return sources[name]


def files_root() -> Path:
    """The folder below which files are read."""
    return _folder("FILES_ROOT", ROOT / "catalog" / "data")


def _folder(name: str, default: Path) -> Path:
    return Path(environment().get(name) or default)
