"""A source over a scripted API, declared in a catalogue of its own: whole runs and what they leave."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
import zstandard
from sqlalchemy import Engine, text

from ingest import runs
from ingest.catalog import catalog
from ingest.execute import execute
from ingest.migrate import bring_up_datasets
from ingest.registry import register
from ingest.settings import settings
from tests.conftest import forget

FIELDS = {
    "name": {"type": "string", "required": True, "max_length": 40},
    "price": {"type": "decimal", "min": 0},
}


class Shop:
    """The source `shop` of the dataset `things`; its records have id, name and price."""

    def __init__(self, folder: Path, db: Engine) -> None:
        self.db, self.folder = db, folder
        for name in ("datasets", "sources"):
            (folder / name).mkdir()
        (folder / "datasets" / "things.yaml").write_text(yaml.safe_dump({"fields": FIELDS}))

    def declare(self, url: str, *, source: dict[str, Any] | None = None, **options: Any) -> "Shop":
        """Declare how the API is asked; retries are one, unless said otherwise."""
        asked = {"url": f"{url}/things", "retries": 1} | options
        return self._declare("http_json", asked, source or {})

    def declare_file(self, path: str) -> "Shop":
        """Declare a file below FILES_ROOT."""
        return self._declare("csv_file", {"path": path}, {})

    def _declare(self, kind: str, options: dict[str, Any], more: dict[str, Any]) -> "Shop":
        declared = {
            "dataset": "things",
            "kind": kind,
            "options": options,
            "key": "id",
            "fields": {"name": "name", "price": "price"},
        }
        (self.folder / "sources" / "shop.yaml").write_text(yaml.safe_dump(declared | more))
        forget()
        with self.db.begin() as tx:
            bring_up_datasets(tx, catalog())
            register(tx, catalog().sources.values())
        return self

    def run(self, mode: str = "incremental") -> Any:
        """Carry out a whole run, as a worker does; return its row."""
        with self.db.begin() as tx:
            run_id = runs.request(tx, "shop", trigger="api", mode=mode).run_id
        execute(self.db, None, catalog(), settings(), run_id, worker="test")
        return self.rows("SELECT * FROM runs ORDER BY id DESC LIMIT 1")[0]

    def rows(self, query: str) -> list[Any]:
        """The rows of a query."""
        with self.db.connect() as connection:
            return list(connection.execute(text(query)))

    def items(self) -> dict[str, tuple[str, Decimal | None]]:
        """What stands: key to name and price."""
        return {row.key: (row.name, row.price) for row in self.rows("SELECT key, name, price FROM things")}

    def rejects(self) -> list[tuple[str | None, str]]:
        """Key and reason of every reject, in the order of their records."""
        return [tuple(row) for row in self.rows("SELECT key, reason FROM rejects ORDER BY raw_id, raw_index")]

    def position(self) -> Any:
        """Where the source stands; None before its first page."""
        found = self.rows("SELECT position FROM checkpoints")
        return found[0].position if found else None

    def raw(self) -> list[bytes]:
        """The bytes of every page that was kept."""
        return [zstandard.decompress(row.body) for row in self.rows("SELECT body FROM raw_data ORDER BY id")]


def thing(number: int | str, price: Any = 1, **more: Any) -> dict[str, Any]:
    """A record."""
    return {"id": number, "name": f"thing {number}", "price": price, **more}


def things(first: int, last: int) -> list[dict[str, Any]]:
    """Records with the numbers from first up to, not including, last."""
    return [thing(number) for number in range(first, last)]
