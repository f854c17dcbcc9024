"""One source of three pages, run through whatever happens, and what must stand afterwards."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from ingest import runs
from ingest.declared import Catalog, Source
from ingest.execute import execute
from ingest.settings import settings
from tests.engine.rows import Script, counts, rows, run_row, thing_source


def thing(key: str, price: str = "1", name: str = "thing") -> dict[str, str]:
    """A record of the upstream."""
    return {"id": key, "name": name, "price": price}


PAGES = [
    [thing("a"), thing("b", price="cheap"), thing("c")],
    [thing("a", price="5"), thing("d")],
    [thing("e", price="1"), thing("e", price="2"), thing("f", name="")],
]
ITEMS = [("a", Decimal(5)), ("c", Decimal(1)), ("d", Decimal(1)), ("e", Decimal(2))]
COUNTS = {"fetched": 8, "inserted": 4, "updated": 1, "rejected": 2, "superseded": 1}


def shop(name: str = "shop") -> Source:
    """A source of the three pages."""
    return thing_source(Script(PAGES), name=name)


def request(db: Engine, source: Source, **details: Any) -> int:
    """Request a run of the source."""
    with db.begin() as tx:
        return runs.request(tx, source.name, trigger="api", **details).run_id


def execute_once(db: Engine, source: Source, run_id: int) -> str:
    """Execute the run as a worker does that was told of it; return the outcome, or the error's name."""
    try:
        return execute(db, None, Catalog({}, {source.name: source}), settings(), run_id, worker="test")
    except DBAPIError as error:
        return type(error).__name__


def carry_through(db: Engine, calm: Engine, source: Source, run_id: int | None = None) -> dict[str, Any]:
    """Execute a run until it has ended, as reconcile would have it done; return its row.

    Only what is asked over `calm` is undisturbed. What waits need not be waited for.
    """
    run_id = request(calm, source) if run_id is None else run_id
    for _ in range(5):
        execute_once(db, source, run_id)
        row = run_row(calm, run_id)
        if row["finished_at"] is not None:
            return row
        pass_time(calm, run_id)
    raise AssertionError(f"not ended after five executions: {row}")


def pass_time(db: Engine, run_id: int) -> None:
    """Let the run's lease be over and what it waits for be past."""
    with suppress(DBAPIError), db.begin() as tx:
        past = "lease_until = lease_until - interval '1 hour', not_before = NULL"
        tx.execute(text(f"UPDATE runs SET {past} WHERE id = :id"), {"id": run_id})


def expect_whole(db: Engine, source: Source, row: dict[str, Any]) -> None:
    """Every record is there once, the counters say so, and the checkpoint stands behind the last page."""
    own = f"WHERE source = '{source.name}'"
    assert (row["state"], row["pages"], counts(row)) == ("succeeded", 3, COUNTS)
    assert rows(db, f"SELECT key, price FROM things {own} ORDER BY key") == ITEMS
    assert rows(db, f"SELECT key, state FROM rejects {own} ORDER BY key") == [("b", "open"), ("f", "open")]
    assert rows(db, f"SELECT count(*), sum(records) FROM raw_data {own}") == [(3, 8)]
    assert rows(db, f"SELECT position, fence <= {row['fence']} FROM checkpoints {own}") == [
        ({"done": 3}, True)
    ]
