"""Records of CSV that are one line each, split all at once; those with quotes are parted by `csv_lines`."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ingest.declared import Source
from ingest.decode.csv_lines import Records, of_records
from ingest.decode.csv_slice import LONGEST_TEXT, Slice
from ingest.files.delimited import LONGEST_RECORD, TOO_LONG
from ingest.page import Frame, Record

# A space keeps these columns apart from any header.
LINE, TEXT, INDEX, FOUND = " line", " text", " index", " found"


def in_bulk(source: Source, piece: Slice) -> Frame | None:
    """The records of a slice of good text; None where a quoted field goes over several lines."""
    text = piece.text.replace("\r\n", "\n") if "\r" in piece.text else piece.text
    whole = pl.Series(TEXT, [text], dtype=pl.String)
    lines = whole.str.split("\n").explode().to_frame().with_row_index(LINE)
    records = lines.filter(pl.col(TEXT) != "").with_row_index(INDEX)
    if piece.dialect.quote not in piece.text:
        return _unquoted(source, piece, records)
    quotes = records[TEXT].str.count_matches(piece.dialect.quote, literal=True)
    if (quotes % 2 == 1).any():
        return None
    plain, quoted = records.filter(quotes == 0), records.filter(quotes > 0)
    return _together(_unquoted(source, piece, plain), _quoted(source, piece, quoted))


def _quoted(source: Source, piece: Slice, records: pl.DataFrame) -> Frame:
    texts, numbers = records[TEXT].to_list(), records[INDEX].to_list()
    problems = {number: TOO_LONG for number, text in enumerate(texts) if len(text) > LONGEST_RECORD}
    frame = of_records(source, piece, Records(records[LINE].to_list(), texts, problems), {})
    rejects = [replace(reject, index=numbers[reject.index]) for reject in frame.rejects]
    return replace(frame, index=[numbers[number] for number in frame.index], rejects=rejects)


def _together(some: Frame, others: Frame) -> Frame:
    """One frame of two, in the order of their records."""
    index = np.array([*some.index, *others.index], np.int64)
    order = np.argsort(index)
    border = len(some.index)

    def look(row: int) -> Record:
        at = int(order[row])
        return some.record(at) if at < border else others.record(at - border)

    return Frame(
        pl.concat([some.cells, others.cells])[order],
        index[order].tolist(),
        sorted([*some.rejects, *others.rejects], key=lambda reject: reject.index),
        look,
    )


def _unquoted(source: Source, piece: Slice, records: pl.DataFrame) -> Frame:
    found = pl.col(TEXT).str.count_matches(piece.dialect.delimiter, literal=True) + 1
    records = records.with_columns(found.alias(FOUND))
    too_long = _too_long(records[TEXT])
    good = ~too_long & (records[FOUND] == len(piece.header))
    rejects = [
        piece.reject(index, line, text, TOO_LONG)
        if len(text) > LONGEST_RECORD
        else piece.ragged(index, line, text, found)
        for index, line, text, found in records.filter(~good).iter_rows()
    ]
    kept = records.filter(good)
    return Frame(
        _split(kept[TEXT], source, piece), kept[INDEX].to_list(), rejects, _look(source, piece, kept)
    )


def _too_long(text: pl.Series) -> pl.Series:
    """Which records are too long. There are no more characters than bytes, which need not be counted."""
    long = text.str.len_bytes() > LONGEST_RECORD
    return text.str.len_chars() > LONGEST_RECORD if long.any() else long


def _split(text: pl.Series, source: Source, piece: Slice) -> pl.DataFrame:
    delimiter, width = piece.dialect.delimiter, len(piece.header)
    parts = text.str.split_exact(delimiter, width - 1).struct.unnest() if width > 1 else text.to_frame()
    absent = pl.repeat(None, len(text), dtype=pl.String, eager=True)
    columns = {
        path: parts.to_series(piece.header.index(path)) if path in piece.header else absent
        for path in source.paths
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _look(source: Source, piece: Slice, kept: pl.DataFrame) -> Any:
    lines_, texts = kept[LINE], kept[TEXT]

    def look(row: int) -> Record:
        found = texts[row].split(piece.dialect.delimiter)
        return Record(
            piece.values(source, found), piece.place(lines_[row]), lambda: texts[row][:LONGEST_TEXT]
        )

    return look
