"""A small catalogue in a folder of its own: CSV files that a test writes, and any other source."""

import json
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from cli.__main__ import kasparro
from ingest import db
from tests.conftest import forget

DATASET = """
fields:
  name: {type: string, required: true, max_length: 20}
  price: {type: decimal, min: 0}
"""
SOURCE = """
dataset: things
kind: csv_file
every: 1h
options: {path: %s.csv, page_size: 1kB}
key: id
fields: {name: name, price: price}
"""


class Shop:
    """The folder: `source` declares, `sell` writes what a source holds."""

    def __init__(self, folder: Path) -> None:
        self.catalog, self.files = folder / "catalog", folder / "files"
        for made in (self.catalog / "datasets", self.catalog / "sources", self.files):
            made.mkdir(parents=True)
        (self.catalog / "datasets" / "things.yaml").write_text(DATASET)

    def source(self, name: str, text: str | None = None) -> None:
        """Declare a source; without a text it reads `<name>.csv`."""
        (self.catalog / "sources" / f"{name}.yaml").write_text(text or SOURCE % name)

    def sell(self, name: str, *lines: str) -> None:
        """Write the file of a source: records of id, name and price."""
        (self.files / f"{name}.csv").write_text("\n".join(["id,name,price", *lines, ""]))


def call(*words: str) -> Result:
    """Call `kasparro` as a shell would, in a pipe: nothing is remembered from the call before."""
    forget()
    try:
        return CliRunner().invoke(kasparro, words)
    finally:
        if db.engine.cache_info().currsize:
            db.engine().dispose()


def counts(result: Result) -> dict[str, int]:
    """The counters of the one run that a call printed as JSON."""
    return {
        name: many for name, many in json.loads(result.stdout)["counts"].items() if many and name != "pages"
    }


def names(engine: Engine) -> list[str]:
    """The items by name, in order."""
    with engine.connect() as tx:
        return list(tx.scalars(text("SELECT name FROM things ORDER BY key")))
