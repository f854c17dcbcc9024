"""Rows as a worker would have written them, by plain inserts."""

import hashlib
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import zstandard
from sqlalchemy import Engine, column, func, insert, select, table, update

from ingest.catalog import catalog
from ingest.normalize.fields import dataset_table
from models import RawPage, Reject, Run

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Seed:
    """Inserts what a test needs; every method commits and returns ids."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.items_table = dataset_table(catalog().datasets["items"])
        self.notes_table = dataset_table(catalog().datasets["notes"])
        self.numbers = count(1)

    def run(self, source: str = "prices", **values: Any) -> int:
        """A succeeded run, unless said otherwise."""
        ended = {"state": "succeeded", "started_at": NOON, "finished_at": func.now()}
        given = {"source": source, "trigger": "schedule", **ended, **values}
        if given["state"] in ("queued", "running"):
            given["finished_at"] = None
        return self._one(insert(Run).values(given).returning(Run.id))

    def item(self, source: str = "prices", **values: Any) -> int:
        """An item with a symbol and a key of its own."""
        number = next(self.numbers)
        given = {"symbol": f"S{number}", "key": f"k{number}"} | _system(source) | values
        return self._one(insert(self.items_table).values(given).returning(self.items_table.c.id))

    def items(self, many: int, source: str = "prices", **values: Any) -> list[int]:
        """Many items at once; values that are callables get the number of the row."""
        rows = [
            {"symbol": f"S{number}", "key": f"{source}-{number}"}
            | _system(source)
            | {name: value(number) if callable(value) else value for name, value in values.items()}
            for number in (next(self.numbers) for _ in range(many))
        ]
        with self.engine.begin() as tx:
            tx.execute(insert(self.items_table), rows)
            return list(tx.scalars(select(self.items_table.c.id).order_by(self.items_table.c.id)))[-many:]

    def note(self, **values: Any) -> int:
        """A row of the second dataset."""
        given = {"key": f"n{next(self.numbers)}"} | _system("by_hand") | values
        return self._one(insert(self.notes_table).values(given).returning(self.notes_table.c.id))

    def change(self, id: int, **values: Any) -> None:
        """Update an item as a run does."""
        with self.engine.begin() as tx:
            table = self.items_table
            tx.execute(update(table).where(table.c.id == id).values(updated_at=func.now(), **values))

    def raw(self, body: bytes, source: str = "prices", **values: Any) -> int:
        """A raw page with these bytes."""
        given = {
            "source": source,
            "run_id": 1,
            "part": "",
            "sequence": 0,
            "request": {"method": "GET", "url": "https://api.example.com/v1/prices", "status": 200},
            "media_type": "application/json",
            "records": 1,
            "size": len(body),
            "sha256": hashlib.sha256(body).digest(),
            "body": zstandard.ZstdCompressor().compress(body),
            "fetched_at": NOON,
        }
        return self._one(insert(RawPage).values(given | values).returning(RawPage.id))

    def reject(self, source: str = "prices", **values: Any) -> int:
        """An open reject."""
        where = {"run_id": 1, "raw_id": 1, "raw_index": 0, "position": "record 1"}
        what = {"reason": "not_a_number", "message": "is not a number: 'x'", "record": '{"price":"x"}'}
        return self._one(insert(Reject).values(source=source, **(where | what | values)).returning(Reject.id))

    def end_connections(self, application: str) -> None:
        """Do what a restart of the server does to an application's connections."""
        mine = select(func.pg_terminate_backend(column("pid"))).select_from(table("pg_stat_activity"))
        with self.engine.connect() as connection:
            connection.execute(mine.where(column("application_name") == application))

    def _one(self, statement: Any) -> int:
        with self.engine.begin() as tx:
            return int(tx.execute(statement).scalar_one())


def _system(source: str) -> dict[str, Any]:
    return {"source": source, "content_hash": uuid4(), "raw_id": 1, "raw_index": 0, "run_id": 1}
