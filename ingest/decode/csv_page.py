"""Slices of CSV files: every field is text. Two ways to the same frame.

A slice without quotes is split by polars. All others, and those with bytes that are no text, are parted
into records line by line, and those are taken apart by one reader of the csv module.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import polars as pl

from ingest.declared import Source
from ingest.decode.csv_slice import LONGEST_TEXT, Slice
from ingest.files.delimited import BAD_QUOTES, LONGEST_RECORD, MOST_LINES, TOO_LONG, Dialect, parser, spans
from ingest.files.encodings import MARK, encode
from ingest.page import Frame, Page, Record, Reject

# The columns of the bulk way; a space keeps them apart from any header.
LINE, TEXT, INDEX, FOUND = " line", " text", " index", " found"
# Records taken apart at once.
BATCH = 2000


def csv_frame(page: Page, source: Source) -> Frame:
    """The records of the slice; the page's request says how it is encoded and where it stood."""
    piece = Slice.of(page)
    if page.request.get("continues"):
        return _by_lines(source, replace(piece, text=""))
    if page.request.get("too_long"):
        too_long = piece.reject(0, 0, piece.text, TOO_LONG)
        return replace(_by_lines(source, replace(piece, text="")), rejects=[too_long])
    return _in_bulk(source, piece) if piece.plain else _by_lines(source, piece)


def _in_bulk(source: Source, piece: Slice) -> Frame:
    """Every line is a record: split them all at once."""
    whole = pl.Series(TEXT, [piece.text.replace("\r\n", "\n")], dtype=pl.String)
    records = whole.str.split("\n").explode().to_frame()
    found = pl.col(TEXT).str.count_matches(piece.dialect.delimiter, literal=True) + 1
    records = records.with_row_index(LINE).filter(pl.col(TEXT) != "").with_row_index(INDEX)
    records = records.with_columns(found.alias(FOUND))
    too_long = records[TEXT].str.len_chars() > LONGEST_RECORD
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
            _values(source, piece, found), piece.place(lines_[row]), lambda: texts[row][:LONGEST_TEXT]
        )

    return look


def _values(source: Source, piece: Slice, found: list[str]) -> dict[str, str | None]:
    named = dict(zip(piece.header, found, strict=True))
    return {path: named.get(path) for path in source.paths}


class _Records(NamedTuple):
    """The records by their numbers in the slice: first lines, texts without line ends, and problems."""

    lines: list[int]
    texts: list[str]
    problems: dict[int, str]


def _by_lines(source: Source, piece: Slice) -> Frame:
    """Records with quotes, odd line ends or bad bytes."""
    physical = io.StringIO(piece.text, newline="").readlines()
    records = _records(physical, piece.dialect)
    rejects = _refused(piece, physical, records)
    place = {path: piece.header.index(path) for path in source.paths if path in piece.header}
    columns: dict[str, list[str]] = {path: [] for path in place}
    good: list[int] = []
    for numbers, rows in _batches(piece, records, rejects):
        good += numbers
        for path, column in columns.items():
            column += [row[place[path]] for row in rows]
    full = {path: columns.get(path, [None] * len(good)) for path in source.paths}
    cells = pl.DataFrame(full, schema=dict.fromkeys(source.paths, pl.String))
    in_order = [rejects[number] for number in sorted(rejects)]
    return Frame(cells, good, in_order, _look_by_lines(source, piece, records, good))


def _records(physical: list[str], dialect: Dialect) -> _Records:
    """The records of the lines. Only where a quote stays open does a record have more than one."""
    lines, texts, problems = _Records([], [], {})
    after = 0
    for line, text in enumerate(physical):
        if line < after or not (own := text.rstrip("\r\n")):
            continue
        if own.count(dialect.quote) % 2 or len(own) > LONGEST_RECORD:
            span = next(spans(physical[line : line + MOST_LINES], dialect))
            after = line + span.last + 1
            own = "".join(physical[line:after]).rstrip("\r\n")
            if span.problem:
                problems[len(texts)] = TOO_LONG if span.problem == TOO_LONG else BAD_QUOTES
        lines.append(line)
        texts.append(own)
    return _Records(lines, texts, problems)


def _refused(piece: Slice, physical: list[str], records: _Records) -> dict[int, Reject]:
    """The rejects, by number, of the records that must not be taken apart."""
    lines, texts, problems = records
    rejects = dict(_undecodable(piece, physical, records)) if MARK.search(piece.text) else {}
    refused = {number: reason for number, reason in problems.items() if number not in rejects}
    quoted = [
        number
        for number, text in enumerate(texts)
        if piece.dialect.quote in text and number not in rejects and number not in refused
    ]
    own = pl.Series([texts[number] for number in quoted], dtype=pl.String)
    match = own.str.contains(_shape(piece.dialect))
    refused |= {number: BAD_QUOTES for number, fits in zip(quoted, match, strict=True) if not fits}
    return rejects | {
        number: piece.reject(number, lines[number], texts[number], reason)
        for number, reason in refused.items()
    }


def _undecodable(piece: Slice, physical: list[str], records: _Records) -> Iterator[tuple[int, Reject]]:
    """The records with bytes that are no text, and where in the file the first such byte of each is."""
    offset, done = piece.offset, 0
    for number, (line, text) in enumerate(zip(records.lines, records.texts, strict=True)):
        if bad := MARK.search(text):
            offset += len(encode("".join(physical[done:line]), piece.encoding))
            done = line
            at = offset + len(encode(text[: bad.start()], piece.encoding))
            message = f"byte 0x{ord(bad[0]) - 0xDC00:02x} at offset {at} of the file is not {piece.encoding}"
            yield number, piece.reject(number, line, text, "bad_encoding", message)


def _shape(dialect: Dialect) -> str:
    """A record whose quotes match up, for polars; the csv module would let a quote inside a field pass."""
    delimiter, quote = (f"\\x{{{ord(mark):x}}}" for mark in (dialect.delimiter, dialect.quote))
    quoted = f"{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}"
    field = f"(?:{quoted}|[^{quote}{delimiter}\\r\\n]*)"
    return rf"\A{field}(?:{delimiter}{field})*\z"


def _batches(
    piece: Slice, records: _Records, rejects: dict[int, Reject]
) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Numbers and fields of the good records; those of another width than the header go to the rejects.

    In batches, for to hold all lists of fields at once keeps the garbage collector busy: half the time.
    """
    whole = [number for number in range(len(records.texts)) if number not in rejects]
    texts = (records.texts[number] for number in whole)
    reader = csv.reader(texts, delimiter=piece.dialect.delimiter, quotechar=piece.dialect.quote, strict=True)
    width = len(piece.header)
    for start in range(0, len(whole), BATCH):
        numbers, rows = whole[start : start + BATCH], list(islice(reader, BATCH))
        ragged = {number: len(row) for number, row in zip(numbers, rows, strict=True) if len(row) != width}
        for number, found in ragged.items():
            rejects[number] = piece.ragged(number, records.lines[number], records.texts[number], found)
        if ragged:
            numbers = [number for number in numbers if number not in ragged]
            rows = [row for row in rows if len(row) == width]
        yield numbers, rows


def _look_by_lines(source: Source, piece: Slice, records: _Records, good: list[int]) -> Any:
    parse = parser(piece.dialect)

    def look(row: int) -> Record:
        text, line = records.texts[good[row]], records.lines[good[row]]
        values = _values(source, piece, parse(text) or [])
        return Record(values, piece.place(line), lambda: text[:LONGEST_TEXT])

    return look
