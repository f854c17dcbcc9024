"""Whole runs over files and replies that a test writes down, and what stands in the tables afterwards."""

from functools import partial
from pathlib import Path
from typing import Any

import zstandard
from sqlalchemy import Engine, text

from ingest import runs
from ingest.claims import COUNTERS
from ingest.declared import Catalog, Dataset, Field, Mapping, Source
from ingest.execute import execute
from ingest.kinds.csv_file import csv_file
from ingest.kinds.http_json import http_json
from ingest.kinds.jsonl_file import jsonl_file
from ingest.settings import settings
from tests.engine.rows import declare, run_row

FIELDS = ("name", "price", "note")
THINGS = Dataset(
    "things",
    (Field("name", "string", required=True), Field("price", "decimal", min="0"), Field("note", "string")),
)


class Folder:
    """A source over a folder, by the name `shop`: JSON lines by that suffix, else CSV."""

    def __init__(self, db: Engine, root: Path, path: str = "*.csv", **options: Any) -> None:
        self.db, self.root = db, root
        kind = jsonl_file if ".jsonl" in path else partial(csv_file, columns=("id", *FIELDS))
        self.source = _source(partial(kind, root=root, path=path, **options))
        declare(db, self.source)

    def write(self, content: str | bytes, name: str = "a.csv") -> Path:
        """Put a file there."""
        path = self.root / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, mode: str = "incremental") -> dict[str, Any]:
        """Execute one run; its row."""
        return executed(self.db, self.source, mode)


class Api:
    """A JSON source over a server, by the name `shop`."""

    def __init__(self, db: Engine, url: str, *, records: str | None = None, **options: Any) -> None:
        self.db = db
        pull = partial(http_json, url=url, records=records, retries=0, **options)
        self.source = _source(pull, records)
        declare(db, self.source)

    def run(self, mode: str = "full") -> dict[str, Any]:
        """Execute one run; its row."""
        return executed(self.db, self.source, mode)


def _source(pull: Any, records: str | None = None) -> Source:
    mapping = tuple(Mapping(name, path=name, trim=False) for name in FIELDS)
    return Source(
        "shop",
        THINGS,
        "test",
        ("id",),
        mapping,
        pull=pull,
        records=records,
        max_reject_percent=100,
        digest="1",
    )


def executed(db: Engine, source: Source, mode: str) -> dict[str, Any]:
    """Request a run and execute it as a worker does; its row."""
    with db.begin() as tx:
        run_id = runs.request(tx, source.name, trigger="cli", mode=mode).run_id
    execute(db, None, Catalog({}, {source.name: source}), settings(), run_id, worker="test")
    return run_row(db, run_id)


def counts(row: dict[str, Any]) -> dict[str, int]:
    """The counters of a run that are not zero."""
    return {name: row[name] for name in COUNTERS if row[name]}


def items(db: Engine) -> dict[str, tuple[Any, ...]]:
    """What stands in the table: key to name, price and note."""
    with db.connect() as connection:
        rows = connection.execute(text("SELECT key, name, price, note FROM things"))
        return {row[0]: tuple(row[1:]) for row in rows}


def rejects(db: Engine) -> list[tuple[str, str]]:
    """The open rejects as (reason, position), in order of their pages."""
    query = "SELECT reason, position FROM rejects WHERE state = 'open' ORDER BY raw_id, raw_index"
    with db.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def raw_bytes(db: Engine, run_id: int) -> bytes:
    """All raw pages of a run, put together."""
    query = text("SELECT body, size FROM raw_data WHERE run_id = :id ORDER BY sequence")
    with db.connect() as connection:
        pages = connection.execute(query, {"id": run_id}).all()
    return b"".join(
        zstandard.ZstdDecompressor().decompress(body, max_output_size=max(size, 1)) for body, size in pages
    )


def emptied(db: Engine) -> None:
    """Forget all that runs have brought."""
    with db.begin() as tx:
        for table in ("things", "rejects", "raw_data", "checkpoints", "runs"):
            tx.execute(text(f"DELETE FROM {table}"))
