"""A fake source: pages that a test writes down, through the real pipeline into the real database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Engine, text

from ingest import claims, runs
from ingest.claims import Claim
from ingest.declared import Catalog, Dataset, Field, Mapping, Source
from ingest.execute import carry_out
from ingest.lease import Lease
from ingest.migrate import bring_up_datasets
from ingest.page import JSON, Page, Position
from ingest.registry import register

THINGS = Dataset(
    "things",
    (
        Field("name", "string", required=True, max_length=20),
        Field("price", "decimal", min="0"),
        Field("seen_at", "datetime"),
    ),
)


@dataclass
class Script:
    """Pages as lists of records; an exception in their place is raised. Remembers where each pull began."""

    pages: Sequence[list[Any] | BaseException]
    began: list[dict[str, Position]] = field(default_factory=list)

    def pull(self, http: object, positions: dict[str, Position]) -> Iterator[Page]:
        """A kind that goes on from the page after the checkpoint."""
        self.began.append(dict(positions))
        done = positions.get("", {}).get("done", 0)
        for number, records in enumerate(self.pages[done:], start=done + 1):
            if isinstance(records, BaseException):
                raise records
            yield Page(orjson.dumps(records), JSON, {"page": number}, {"done": number})


def thing_source(script: Script, *, name: str = "shop", dataset: Dataset = THINGS) -> Source:
    """A source of things over the script."""
    return Source(
        name=name,
        dataset=dataset,
        kind="script",
        key=("id",),
        mapping=tuple(Mapping(field.name, path=field.name) for field in dataset.fields),
        pull=script.pull,
        digest="1",
    )


def declare(db: Engine, *sources: Source) -> None:
    """Make the tables and rows of the sources."""
    catalog = Catalog(
        {source.dataset.name: source.dataset for source in sources}, {s.name: s for s in sources}
    )
    with db.begin() as tx:
        bring_up_datasets(tx, catalog)
        register(tx, catalog.sources.values())


def begin(db: Engine, source: Source, **details: Any) -> Claim:
    """Request a run of the source and claim it."""
    with db.begin() as tx:
        requested = runs.request(tx, source.name, trigger="cli", **details)
        claim = claims.claim(tx, requested.run_id, worker="test", lease=30)
    assert claim is not None
    return claim


def run(db: Engine, source: Source, **details: Any) -> dict[str, Any]:
    """Run the source once; return the row of its run."""
    claim = begin(db, source, **details)
    with Lease(db, claim, None, seconds=30, every=8) as lease:
        carry_out(db, source, claim, None, lease)
    return run_row(db, claim.run_id)


def run_row(db: Engine, run_id: int) -> dict[str, Any]:
    """The row of a run."""
    with db.connect() as connection:
        return dict(
            connection.execute(text("SELECT * FROM runs WHERE id = :id"), {"id": run_id}).one()._mapping
        )


def counts(row: dict[str, Any]) -> dict[str, int]:
    """The counters of a run that are not zero."""
    return {name: row[name] for name in claims.COUNTERS if row[name]}


def things(db: Engine) -> dict[str, tuple[str, Decimal | None]]:
    """What stands in the table: key to name and price."""
    with db.connect() as connection:
        rows = connection.execute(text("SELECT key, name, price FROM things ORDER BY key"))
        return {row.key: (row.name, row.price) for row in rows}


def rows(db: Engine, query: str) -> list[Any]:
    """The rows of a query, as tuples."""
    with db.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]
