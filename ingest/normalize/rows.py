"""From a frame of text to good rows and rejects. Pure: no session, no clock, no network.

Text is cleaned in bulk (trim, null words, case, defaults). Rows that the fast checks accept are done;
whatever they do not accept goes, row by row, to marshmallow, whose verdict and message are final.
A good row leaves as its canonical line in PostgreSQL's COPY text format, which is also what is hashed:
no float, no rounding, no Python object on the way (https://www.postgresql.org/docs/current/sql-copy.html).
"""

import numpy as np
import polars as pl
import xxhash

from ingest.declared import Source
from ingest.normalize.judge import KEY, ROW
from ingest.normalize.plan import Plan, plan_of
from ingest.page import Frame, Reject

GOOD = {
    "index": pl.Int64,
    "key": pl.String,
    "hash": pl.String,
    "high": pl.UInt64,
    "low": pl.UInt64,
    "version": pl.String,
    "line": pl.String,
}


def normalize(frame: Frame, source: Source) -> tuple[pl.DataFrame, list[Reject]]:
    """Return the good rows (columns of `GOOD`, in page order) and the rejects of a page.

    `index` is the record's number in the page, `hash` 32 hex digits over the line, `high` and `low` the
    same as two numbers, `version` the canonical text of the dataset's `newest_by` field, `line` the key and
    the declared fields for COPY.
    """
    plan = plan_of(source)
    rows, others = plan.checked(frame.cells)
    rejects = frame.rejects
    if not others.is_empty():
        judged, refused = plan.judge.rows(others, frame)
        rows = pl.concat([rows, judged]).sort(ROW) if len(judged) else rows
        rejects = sorted([*rejects, *refused], key=lambda reject: reject.index)
    return finish(rows, frame, plan, source.dataset.newest_by), rejects


def finish(rows: pl.DataFrame, frame: Frame, plan: Plan, newest_by: str | None) -> pl.DataFrame:
    """Encode, hash and number the good rows."""
    lines = plan.lines(rows)
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(rows))
    columns = {
        "index": frame.index.gather(rows[ROW]),
        "key": rows[KEY],
        **_hashes(lines),
        "version": rows[newest_by] if newest_by else nothing,
        "line": lines,
    }
    return pl.DataFrame(columns, schema=GOOD)


def _hashes(lines: pl.Series) -> dict[str, pl.Series]:
    """The XXH3 hash of each line, as PostgreSQL gets it and as numbers that are compared in bulk."""
    digests = list(map(xxhash.xxh3_128_digest, lines.cast(pl.Binary).to_list()))
    halves = np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
    return {
        "hash": pl.Series(digests, dtype=pl.Binary).bin.encode("hex"),
        "high": pl.Series(halves[::2]),
        "low": pl.Series(halves[1::2]),
    }
