"""A source that is divided: parts with the pages that a test writes down, pulled by as many as it likes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Engine, text

from ingest import claims, parts, pullers
from ingest.batch import batch_of, make_ready
from ingest.carry_out import carry_out
from ingest.claims import Claim
from ingest.company import Company
from ingest.declared import Dataset, Parts, Piece, Source
from ingest.in_turn import Turn
from ingest.known import Met
from ingest.lease import Lease
from ingest.page import JSON, Page, Position
from ingest.pipeline import load_batch
from ingest.pullers import Crew
from ingest.store import places
from tests.engine.rows import THINGS, Script, begin, rows, thing_source

Pages = list[Any]


def divided(
    pages: Mapping[str, Pages], *, name: str = "shop", dataset: Dataset = THINGS, pullers: int = 4
) -> Source:
    """A source with these parts, in this order; an exception in the place of a page is raised."""

    def pull(piece: Piece, http: object, positions: dict[str, Position]) -> Iterator[Page]:
        begun = {"": positions[piece.name]} if piece.name in positions else {}
        for page in Script(pages[piece.name]).pull(http, begun):
            yield page.of_part(piece.name)

    plan = [Piece(part, {"records": part}) for part in pages]
    declared = Parts(lambda standing, now: plan, pull, pullers)
    return replace(thing_source(Script([]), name=name, dataset=dataset), parts=declared)


def undivided(pages: Mapping[str, Pages], *, name: str, dataset: Dataset = THINGS) -> Source:
    """The same pages, one after the other."""
    return thing_source(
        Script([page for part in pages.values() for page in part]), name=name, dataset=dataset
    )


def planned(db: Engine, source: Source, **details: Any) -> Claim:
    """The claim of a run of the source whose parts are planned."""
    claim = begin(db, source, **details)
    assert source.parts is not None
    pullers.divide(db, source, source.parts, claim, Crew())
    return claim


def take(db: Engine, claim: Claim, *, lease: float = 30, most_attempts: int = 5) -> Claim:
    """The claim on the next part."""
    with db.begin() as tx:
        taken = parts.take(tx, claim, worker="test", lease=lease, most_attempts=most_attempts)
    assert taken is not None
    return taken


def page_of(claim: Claim, records: list[Any], number: int = 1) -> Page:
    """A page of the claim's part."""
    return Page(orjson.dumps(records), JSON, {"page": number}, {"done": number}, part=claim.part.name)


def load(
    db: Engine,
    source: Source,
    claim: Claim,
    records: list[Any],
    number: int = 1,
    company: Company | None = None,
) -> None:
    """Load one page of the claim's part; `company` is what its puller remembers of the pages before."""
    batch = batch_of(
        [make_ready(page_of(claim, records, number), source)], [next(places(db, claim))], source, Met()
    )
    load_batch(db, source, claim, company or Company(), batch, Turn())


def finish_part(db: Engine, claim: Claim) -> None:
    """End the claim's part."""
    with db.begin() as tx:
        parts.done(tx, claim)


def go_on(db: Engine, source: Source, claim: Claim, crew: Crew | None = None, **lease: Any) -> str:
    """Work at the run as a worker that has claimed or joined it; the word for the outcome."""
    with Lease(db, claim, None, seconds=30, every=8, **lease) as kept:
        return carry_out(db, source, claim, None, kept, crew)


def join(db: Engine, run_id: int) -> Claim:
    """The claim of a worker that joins."""
    with db.begin() as tx:
        claim = claims.join(tx, run_id)
    assert claim is not None
    return claim


def expire(db: Engine, table: str, run_id: int) -> None:
    """Let leases be over."""
    column = "id" if table == "runs" else "run_id"
    with db.begin() as tx:
        tx.execute(
            text(f"UPDATE {table} SET lease_until = now() - interval '1 minute' WHERE {column} = :id"),
            {"id": run_id},
        )


def parts_of(db: Engine, run_id: int) -> list[Any]:
    """Name, state and attempts of each part of the run, in order."""
    return rows(db, f"SELECT name, state, attempts FROM parts WHERE run_id = {run_id} ORDER BY number")
