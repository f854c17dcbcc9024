"""Records of CSV with quotes that are one line each. Two ways to the same cells.

A pattern tells which records have as many fields as the header and quotes that match up. Those leave no
choice in how they are to be read: polars reads them, three times as fast as the csv module reads the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from ingest.declared import Source
from ingest.decode.csv_lines import Records, of_records, shape_of
from ingest.decode.csv_slice import INDEX, LINE, TEXT, Slice
from ingest.files.delimited import LONGEST_RECORD, TOO_LONG
from ingest.page import Reject

# The pattern grows with the fields: of a hundred it pays, of a thousand the csv module is faster (measured).
MOST_FIELDS = 100


@dataclass(frozen=True)
class Parted:
    """The numbers in the slice and the cells of good records, and the rejects that were beside them."""

    index: pl.Series
    cells: pl.DataFrame
    rejects: list[Reject]


def quoted(source: Source, piece: Slice, records: pl.DataFrame) -> Iterator[Parted]:
    """Part the records, of which every one has quotes: those that are easy to read, and the others."""
    if records.is_empty():
        return
    certain = _are_certain(piece, records[TEXT])
    if certain.any():
        yield _read(source, piece, records.filter(certain))
    if not certain.all():
        yield _by_hand(source, piece, records.filter(~certain))


def _are_certain(piece: Slice, texts: pl.Series) -> pl.Series:
    """Which records leave no choice in how they are read, and are to be read below our header."""
    dialect, width = piece.dialect, len(piece.header)
    known_to_polars = (dialect.delimiter + dialect.quote).isascii()
    if width > MOST_FIELDS or not known_to_polars or dialect.quote.isalnum():
        return pl.repeat(False, len(texts), eager=True)
    return texts.str.contains(shape_of(dialect, fields=width)) & (texts.str.len_bytes() <= LONGEST_RECORD)


def _read(source: Source, piece: Slice, records: pl.DataFrame) -> Parted:
    """Below a header of our own, so that nothing at the start of a record is taken for a byte order mark."""
    delimiter, quote = piece.dialect.delimiter, piece.dialect.quote
    names = list(map(str, range(len(piece.header))))
    header = delimiter.join(f"{quote}{name}{quote}" for name in names)
    fields = pl.read_csv(
        "\n".join([header, records[TEXT].str.join("\n").item()]).encode(),
        separator=delimiter,
        quote_char=quote,
        schema=dict.fromkeys(names, pl.String),
        empty_string_is_null=False,
    )
    assert len(fields) == len(records), "each line is one record"
    return Parted(records[INDEX].cast(pl.Int64), piece.cells(source, fields), [])


def _by_hand(source: Source, piece: Slice, records: pl.DataFrame) -> Parted:
    texts, numbers = records[TEXT].to_list(), records[INDEX].cast(pl.Int64)
    problems = {number: TOO_LONG for number, text in enumerate(texts) if len(text) > LONGEST_RECORD}
    frame = of_records(source, piece, Records(records[LINE].to_list(), texts, problems), {})
    rejects = [replace(reject, index=numbers[reject.index]) for reject in frame.rejects]
    return Parted(numbers.gather(frame.index), frame.cells, rejects)
