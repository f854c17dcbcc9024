"""Records of CSV that are one line each, split all at once; those with quotes by `csv_quoted`."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from ingest.declared import Source
from ingest.decode.csv_quoted import quoted
from ingest.decode.csv_slice import INDEX, LINE, LONGEST_TEXT, TEXT, Slice
from ingest.files.delimited import LONGEST_RECORD, TOO_LONG, parser
from ingest.page import Frame, Record, Reject


def in_bulk(source: Source, piece: Slice) -> Frame | None:
    """The records of a slice of good text; None where a quoted field goes over several lines."""
    text = piece.text.replace("\r\n", "\n") if "\r" in piece.text else piece.text
    whole = pl.Series(TEXT, [text], dtype=pl.String)
    lines = whole.str.split("\n").explode().to_frame().with_row_index(LINE)
    records = lines.filter(pl.col(TEXT) != "").with_row_index(INDEX)
    quotes = records[TEXT].str.count_matches(piece.dialect.quote, literal=True)
    if (quotes % 2 == 1).any():
        return None
    return _frame(source, piece, records, quotes > 0)


def _frame(source: Source, piece: Slice, records: pl.DataFrame, is_quoted: pl.Series) -> Frame:
    """All are split as if none had quotes; then what those with quotes hold takes the place of that."""
    fields = _split(records[TEXT], piece)
    good = ~is_quoted & _is_whole(records[TEXT], fields)
    rejects = list(_refused(piece, records.filter(~is_quoted & ~good)))
    cells = piece.cells(source, fields)
    for parted in quoted(source, piece, records.filter(is_quoted)):
        put = [cells[path].scatter(parted.index, parted.cells[path]) for path in cells.columns]
        cells, good = pl.DataFrame(put), good.scatter(parted.index, True)
        rejects = sorted([*rejects, *parted.rejects], key=lambda reject: reject.index)
    kept = records.filter(good)
    return Frame(cells.filter(good), kept[INDEX].cast(pl.Int64), rejects, _look(source, piece, kept))


def _split(text: pl.Series, piece: Slice) -> pl.DataFrame:
    """A column for each field that the header has, and one for what stands behind them."""
    return text.str.splitn(piece.dialect.delimiter, len(piece.header) + 1).struct.unnest()


def _is_whole(text: pl.Series, fields: pl.DataFrame) -> pl.Series:
    """Which records are not too long, and have as many fields as the header."""
    return ~_is_too_long(text) & fields.to_series(-2).is_not_null() & fields.to_series(-1).is_null()


def _is_too_long(text: pl.Series) -> pl.Series:
    """There are no more characters than bytes, which need not be counted."""
    long = text.str.len_bytes() > LONGEST_RECORD
    return text.str.len_chars() > LONGEST_RECORD if long.any() else long


def _refused(piece: Slice, records: pl.DataFrame) -> Iterator[Reject]:
    """The rejects of records that are not whole."""
    for index, line, text in records.iter_rows():
        if len(text) > LONGEST_RECORD:
            yield piece.reject(index, line, text, TOO_LONG)
        else:
            yield piece.ragged(index, line, text, text.count(piece.dialect.delimiter) + 1)


def _look(source: Source, piece: Slice, kept: pl.DataFrame) -> Any:
    lines_, texts = kept[LINE], kept[TEXT]
    parse = parser(piece.dialect)

    def look(row: int) -> Record:
        text = texts[row]
        return Record(
            piece.values(source, parse(text) or []), piece.place(lines_[row]), lambda: text[:LONGEST_TEXT]
        )

    return look
