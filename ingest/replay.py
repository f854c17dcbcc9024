"""Judging again what was fetched before: raw pages that were kept take the place of the upstream.

A replay is a run like any other, one commit a page. It asks nobody, lands nothing and leaves the checkpoint
alone. In the mode `replay` it judges the records that wait as open rejects, in the mode `reload` every
record of every page. Whatever is accepted today becomes an item with the provenance that it always had,
unless a later page or a newer version stands; nothing is ever deleted.
"""

import polars as pl
import structlog
from sqlalchemy import Connection, Engine

from ingest import claims, store
from ingest.claims import COUNTERS, Claim
from ingest.classify import classify
from ingest.declared import Source
from ingest.decode import decode
from ingest.errors import IngestError, SourceBroken
from ingest.kept import Kept, kept_pages
from ingest.landed import Landed
from ingest.lease import Lease
from ingest.normalize import normalize
from ingest.page import Frame, Position, Reject

log = structlog.get_logger()

# The declaration may have changed in any way since, and then an old page does not fit it any more.
UNREADABLE = (IngestError, ValueError, TypeError, KeyError)


def replay(db: Engine, source: Source, claim: Claim, lease: Lease) -> None:
    """Judge kept pages again, each in one transaction; a run that was cut short goes on after its last page.

    Raises SourceBroken at the end where pages no longer fit the declaration; the others are done by then.
    """
    with db.connect() as connection:
        stand: Position = claims.reached(connection, claim) or {"raw_id": 0, "unread": 0}
    for kept in kept_pages(db, source.name, waiting=claim.mode == "replay", after=stand["raw_id"]):
        lease.check()
        stand = judge_page(db, source, claim, kept, stand)
    lease.check()
    if stand["unread"]:
        raise SourceBroken(_unread(source, stand), kind="raw_page")


def judge_page(db: Engine, source: Source, claim: Claim, kept: Kept, stand: Position) -> Position:
    """Judge a page again and, in one transaction, load what is accepted, settle its rejects and count."""
    stand = {**stand, "raw_id": kept.id}
    try:
        frame = read(kept, source, claim.mode)
    except UNREADABLE as error:
        log.warning("raw page unread", raw_id=kept.id, error=f"{type(error).__name__}: {error}")
        return _pass_over(db, claim, {**stand, "unread": stand["unread"] + 1, "last_unread": kept.id})
    good, rejects = normalize(frame, source)
    with db.begin() as tx:
        claims.guard(tx, claim)
        if claim.mode == "replay":
            good = _certainly_newest(tx, source, kept, good)
            frame, good = _with_rivals(source, kept, frame, good)
        counts = store.load_again(tx, source, claim, Landed([kept.id]), good, rejects, frame)
        claims.count(tx, claim, counts, stand)
    log.info("page judged again", raw_id=kept.id, **counts)
    return stand


def read(kept: Kept, source: Source, mode: str) -> Frame:
    """Return the records that the mode judges, by today's declaration. Raises what `UNREADABLE` names."""
    frame = decode(kept.page, source)
    return frame if mode == "reload" else _waiting(frame, kept)


def _waiting(frame: Frame, kept: Kept) -> Frame:
    """The records of the frame that wait; those that today's declaration does not find are rejects."""
    rows = [row for row, number in enumerate(frame.index) if number in kept.waiting]
    numbers = frame.index.gather(rows)
    rejects = [reject for reject in frame.rejects if reject.index in kept.waiting]
    lost = sorted(kept.waiting.keys() - {*numbers, *(reject.index for reject in rejects)})
    return _picked(frame, rows, [*rejects, *(_not_found(kept, number) for number in lost)])


def _picked(frame: Frame, rows: list[int], rejects: list[Reject]) -> Frame:
    """Some rows of a frame, in its order."""
    return Frame(frame.cells[rows], frame.index.gather(rows), rejects, lambda row: frame.record(rows[row]))


def _not_found(kept: Kept, number: int) -> Reject:
    known = kept.waiting[number]
    message = f"today's declaration finds no record number {number} in the raw page {kept.id}"
    return Reject(number, known.position, "not_found", message, known.record, key=known.key)


def _certainly_newest(tx: Connection, source: Source, kept: Kept, good: pl.DataFrame) -> pl.DataFrame:
    """Leave out the records that have another key today than when they were set aside, and stand already.

    A later page may have brought the same row unchanged, which leaves no trace. So the row stays, and the
    reject stays open until a reload reads all pages in order.
    """
    known = [kept.waiting[number].key for number in good["index"]]
    other = good.filter(good["key"].ne_missing(pl.Series(known, dtype=pl.String)))
    _, changed, _ = classify(tx, source, other)
    return good.filter(~pl.col("index").is_in(changed["index"].to_list()))


def _with_rivals(source: Source, kept: Kept, frame: Frame, good: pl.DataFrame) -> tuple[Frame, pl.DataFrame]:
    """Judge with them the other records of the page that have their keys: of equal keys one counts.

    A rival that the page brought unchanged stands under an older page, and would seem to be older itself.
    """
    whole = decode(kept.page, source)
    judged, _ = normalize(whole, source)
    rivals = judged.filter(
        pl.col("key").is_in(good["key"].to_list()) & ~pl.col("index").is_in(list(kept.waiting))
    )
    if rivals.is_empty():
        return frame, good
    numbers = {*frame.index, *rivals["index"]}
    rows = [row for row, number in enumerate(whole.index) if number in numbers]
    return _picked(whole, rows, list(frame.rejects)), pl.concat([good, rivals]).sort("index")


def _pass_over(db: Engine, claim: Claim, stand: Position) -> Position:
    with db.begin() as tx:
        claims.guard(tx, claim)
        claims.count(tx, claim, dict.fromkeys(COUNTERS, 0), stand)
    return stand


def _unread(source: Source, stand: Position) -> str:
    return (
        f"{stand['unread']} raw pages of {source.name} do not fit catalog/sources/{source.name}.yaml any "
        f"more, the last of them {stand['last_unread']}; what came of them stays, all others are done. "
        "The log tells why (raw page unread). Let `records` and the format fit them again, or let their "
        f"rejects be: kasparro rejects --source {source.name}"
    )
