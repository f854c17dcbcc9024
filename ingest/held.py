"""A puller's hold on a part: guarded, renewed and counted in transactions that others open."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Update, select, update

from ingest.errors import PartLost, SourceBroken
from models import Part

# How many ids of raw pages a part has to itself (`ingest.parts.plan`).
MOST_PAGES = 2**20


@dataclass(frozen=True)
class Held:
    """A part that this worker may pull, as long as the part's token is `token`. `spec` says what it is."""

    run_id: int
    number: int
    name: str
    token: int
    spec: Mapping[str, Any]


def _ours(held: Held) -> tuple[Any, ...]:
    named = (Part.run_id == held.run_id, Part.number == held.number)
    return (*named, Part.token == held.token, Part.state == "running")


def changing(held: Held) -> Update:
    """An update of the part that does nothing when another has it."""
    return update(Part).where(*_ours(held))


def guard(tx: Connection, held: Held) -> None:
    """Hold the part until the transaction ends. Raises PartLost.

    FOR KEY SHARE lets the lease be renewed meanwhile; whoever takes the part over locks it FOR UPDATE first.
    """
    locked = select(Part.number).where(*_ours(held)).with_for_update(read=True, key_share=True)
    if tx.scalar(locked) is None:
        raise _lost(held)


def renew(tx: Connection, held: Held, until: Any) -> None:
    """Extend the lease. Raises PartLost."""
    if not tx.execute(changing(held).values(lease_until=until)).rowcount:
        raise _lost(held)


def count(tx: Connection, held: Held) -> None:
    """Count a page, at the end of its transaction."""
    tx.execute(changing(held).values(pages=Part.pages + 1))


def places(db: Engine, held: Held) -> Iterator[tuple[int, int]]:
    """Id and number of the part's next pages, in order: ids are in the order of the plan.

    Raises SourceBroken where the ids of the next part begin.
    """
    with db.connect() as connection:
        row = connection.execute(select(Part.raw_base, Part.pages).where(*_ours(held))).one_or_none()
    if row is None:
        raise _lost(held)
    yield from ((row.raw_base + number, number) for number in range(row.pages, MOST_PAGES))
    raise SourceBroken(f"the part has more than {MOST_PAGES} pages; declare smaller parts", kind="parts")


def _lost(held: Held) -> PartLost:
    return PartLost(f"part {held.name} of run {held.run_id} was taken by another")
