"""Records of CSV with quotes, odd line ends or bad bytes: found line by line, parted by the csv module."""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import polars as pl

from ingest.declared import Source
from ingest.decode.csv_slice import LONGEST_TEXT, Slice
from ingest.files.delimited import BAD_QUOTES, LONGEST_RECORD, MOST_LINES, TOO_LONG, Dialect, parser, spans
from ingest.files.encodings import MARK, encode
from ingest.page import Frame, Record, Reject

# Records taken apart at once.
BATCH = 2000


class Records(NamedTuple):
    """The records by their numbers in the slice: first lines, texts without line ends, and problems."""

    lines: list[int]
    texts: list[str]
    problems: dict[int, str]


def by_lines(source: Source, piece: Slice) -> Frame:
    """The records of a slice."""
    physical = io.StringIO(piece.text, newline="").readlines()
    records = _records(physical, piece.dialect)
    rejects = dict(_undecodable(piece, physical, records)) if MARK.search(piece.text) else {}
    return of_records(source, piece, records, rejects)


def of_records(source: Source, piece: Slice, records: Records, rejects: dict[int, Reject]) -> Frame:
    """The frame of records that were found, numbered from 0; `rejects` are those of them that are no text."""
    rejects = _refused(piece, records, rejects)
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
    return Frame(
        cells, pl.Series(good, dtype=pl.Int64), in_order, _look_by_lines(source, piece, records, good)
    )


def _records(physical: list[str], dialect: Dialect) -> Records:
    """The records of the lines. Only where a quote stays open does a record have more than one."""
    lines, texts, problems = Records([], [], {})
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
    return Records(lines, texts, problems)


def _refused(piece: Slice, records: Records, rejects: dict[int, Reject]) -> dict[int, Reject]:
    """The rejects, by number, of the records that must not be taken apart."""
    lines, texts, problems = records
    refused = {number: reason for number, reason in problems.items() if number not in rejects}
    quoted = [
        number
        for number, text in enumerate(texts)
        if piece.dialect.quote in text and number not in rejects and number not in refused
    ]
    own = pl.Series([texts[number] for number in quoted], dtype=pl.String)
    match = own.str.contains(shape_of(piece.dialect))
    refused |= {number: BAD_QUOTES for number, fits in zip(quoted, match, strict=True) if not fits}
    return rejects | {
        number: piece.reject(number, lines[number], texts[number], reason)
        for number, reason in refused.items()
    }


def _undecodable(piece: Slice, physical: list[str], records: Records) -> Iterator[tuple[int, Reject]]:
    """The records with bytes that are no text, and where in the file the first such byte of each is."""
    offset, done = piece.offset, 0
    for number, (line, text) in enumerate(zip(records.lines, records.texts, strict=True)):
        if bad := MARK.search(text):
            offset += len(encode("".join(physical[done:line]), piece.encoding))
            done = line
            at = offset + len(encode(text[: bad.start()], piece.encoding))
            message = f"byte 0x{ord(bad[0]) - 0xDC00:02x} at offset {at} of the file is not {piece.encoding}"
            yield number, piece.reject(number, line, text, "bad_encoding", message)


def shape_of(dialect: Dialect, *, fields: int | None = None) -> str:
    """A record whose quotes match up, of so many fields, for polars.

    The csv module would let a quote inside a field pass.
    """
    times = "*" if fields is None else f"{{{fields - 1}}}"
    delimiter, quote = (f"\\x{{{ord(mark):x}}}" for mark in (dialect.delimiter, dialect.quote))
    quoted = f"{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}"
    field = f"(?:{quoted}|[^{quote}{delimiter}\\r\\n]*)"
    return rf"\A{field}(?:{delimiter}{field}){times}\z"


def _batches(
    piece: Slice, records: Records, rejects: dict[int, Reject]
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


def _look_by_lines(source: Source, piece: Slice, records: Records, good: list[int]) -> Any:
    parse = parser(piece.dialect)

    def look(row: int) -> Record:
        text, line = records.texts[good[row]], records.lines[good[row]]
        values = piece.values(source, parse(text) or [])
        return Record(values, piece.place(line), lambda: text[:LONGEST_TEXT])

    return look
