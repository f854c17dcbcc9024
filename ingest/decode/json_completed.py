"""Records of JSON that were taken apart in bulk, completed by all others, one by one."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from ingest.decode.json_record import INDEX, Cells, Finders, Problem, table
from ingest.decode.order import order_of
from ingest.page import Reject


def completed(
    frames: Sequence[pl.DataFrame],
    many: int,
    wanted: Finders,
    cells: Callable[[int], Cells | Problem],
    reject: Callable[[int, Problem], Reject],
) -> tuple[pl.Series, pl.DataFrame, list[Reject]]:
    """The numbers and cells of the good ones of so many records, in order, and the rejects.

    `frames` hold cells with the numbers of their records. Of a record that is in none `cells` is asked.
    """
    numbers: list[int] = []
    rows: list[Cells] = []
    rejects: list[Reject] = []
    for index in _others(frames, many):
        row = cells(index)
        if isinstance(row, Problem):
            rejects.append(reject(index, row))
        else:
            numbers.append(index)
            rows.append(row)
    return *_together(frames, numbers, rows, wanted), rejects


def _others(frames: Sequence[pl.DataFrame], many: int) -> list[int]:
    """The numbers, of so many records, that are in none of the frames."""
    left = np.ones(many, np.bool_)
    for frame in frames:
        left[frame[INDEX].to_numpy()] = False
    others: list[int] = np.flatnonzero(left).tolist()
    return others


def _together(
    frames: Sequence[pl.DataFrame], numbers: Sequence[int], rows: Sequence[Cells], wanted: Finders
) -> tuple[pl.Series, pl.DataFrame]:
    """The numbers and cells of all records in order: those of the frames, and the others with theirs."""
    if numbers or not frames:
        others = table(rows, wanted).insert_column(0, pl.Series(INDEX, numbers, dtype=pl.UInt32))
        frames = [*frames, others]
    found = frames[0] if len(frames) == 1 else _in_order(pl.concat(frames, rechunk=True))
    return found[INDEX].cast(pl.Int64), found[list(wanted)]


def _in_order(found: pl.DataFrame) -> pl.DataFrame:
    return found[order_of(found[INDEX])]
