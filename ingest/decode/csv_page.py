"""Slices of CSV files: every field is text. Two ways to the same frame.

A slice without quotes is split in bulk. All others, and those with bytes that are no text, are taken
apart record by record.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import polars as pl

from ingest.declared import Source
from ingest.files.delimited import (
    BAD_QUOTES,
    LONGEST_RECORD,
    TOO_LONG,
    Dialect,
    Parser,
    Span,
    lines,
    parser,
    spans,
)
from ingest.files.encodings import MARK, count_lines, decode, encode, escaped
from ingest.page import Frame, Page, Record, Reject

LONGEST_TEXT = 65_536
# The columns of the bulk way; a space keeps them apart from any header.
LINE, TEXT, INDEX, FOUND = " line", " text", " index", " found"

MESSAGES = {
    BAD_QUOTES: "the quotes do not match up; a field is quoted as a whole, and a quote in it is doubled",
    TOO_LONG: f"the record is longer than {LONGEST_RECORD} characters",
}


def csv_frame(page: Page, source: Source) -> Frame:
    """The records of the slice; the page's request says how it is encoded and where it stood."""
    if page.request.get("continues"):
        return _frame(source, [], [], [], _Slice.of(page))
    piece = _Slice.of(page)
    if page.request.get("too_long"):
        return _frame(source, [], [], [piece.reject(0, 0, piece.text, TOO_LONG)], piece)
    return _in_bulk(source, piece) if piece.plain else _one_by_one(source, piece)


@dataclass(frozen=True)
class _Slice:
    """A slice without what stands before its records, decoded, and how to speak of its lines."""

    text: str
    dialect: Dialect
    header: list[str]
    file: str
    line: int
    offset: int
    encoding: str

    @staticmethod
    def of(page: Page) -> "_Slice":
        """The slice of a page."""
        request: Mapping[str, Any] = page.request
        before, encoding = page.body[: request["skip"]], request["encoding"]
        return _Slice(
            text=decode(page.body[len(before) :], encoding),
            dialect=Dialect(request["delimiter"], request["quote"]),
            header=list(request["header"]),
            file=request["file"],
            line=request["line"] + count_lines(before, encoding),
            offset=request["offset"] + len(before),
            encoding=encoding,
        )

    @property
    def plain(self) -> bool:
        """True when every line is a record of good text."""
        one_kind_of_end = self.text.count("\r") == self.text.count("\r\n")
        return self.dialect.quote not in self.text and one_kind_of_end and not MARK.search(self.text)

    def place(self, line: int) -> str:
        """Where a line stands, counted from 1 in the file."""
        return f"{self.file} line {self.line + line}"

    def reject(self, index: int, line: int, text: str, reason: str, message: str = "") -> Reject:
        """The reject of a record."""
        own = escaped(text.rstrip("\r\n")[:LONGEST_TEXT])
        return Reject(index, self.place(line), reason, message or MESSAGES[reason], own)

    def ragged(self, index: int, line: int, text: str, found: int) -> Reject:
        """The reject of a record with another number of fields than the header."""
        width = len(self.header)
        reason = "too_few_fields" if found < width else "too_many_fields"
        return self.reject(index, line, text, reason, f"has {found} fields; the header has {width}")


def _in_bulk(source: Source, piece: _Slice) -> Frame:
    """Every line is a record: split them all at once."""
    records = pl.DataFrame({TEXT: piece.text.replace("\r\n", "\n").split("\n")}, schema={TEXT: pl.String})
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


def _split(text: pl.Series, source: Source, piece: _Slice) -> pl.DataFrame:
    delimiter, width = piece.dialect.delimiter, len(piece.header)
    parts = text.str.split_exact(delimiter, width - 1).struct.unnest() if width > 1 else text.to_frame()
    absent = pl.repeat(None, len(text), dtype=pl.String, eager=True)
    columns = {
        path: parts.to_series(piece.header.index(path)) if path in piece.header else absent
        for path in source.paths
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _look(source: Source, piece: _Slice, kept: pl.DataFrame) -> Any:
    lines_, texts = kept[LINE], kept[TEXT]

    def look(row: int) -> Record:
        found = texts[row].split(piece.dialect.delimiter)
        return Record(_values(source, piece, found), piece.place(lines_[row]), texts[row][:LONGEST_TEXT])

    return look


def _values(source: Source, piece: _Slice, found: list[str]) -> dict[str, str | None]:
    named = dict(zip(piece.header, found, strict=True))
    return {path: named.get(path) for path in source.paths}


class _Good(NamedTuple):
    number: int
    line: int
    text: str
    fields: list[str]


def _one_by_one(source: Source, piece: _Slice) -> Frame:
    """Records with quotes, odd line ends or bad bytes."""
    good: list[_Good] = []
    rejects: list[Reject] = []
    for verdict in _verdicts(piece):
        if isinstance(verdict, Reject):
            rejects.append(verdict)
        else:
            good.append(verdict)
    return _frame(source, good, [each.number for each in good], rejects, piece)


def _verdicts(piece: _Slice) -> Iterator[_Good | Reject]:
    physical, parse = lines(piece.text), parser(piece.dialect)
    starts = _starts(physical, piece) if MARK.search(piece.text) else None
    for index, span in enumerate(spans(physical, piece.dialect)):
        text = (
            "".join(physical[span.first : span.last + 1]) if span.last > span.first else physical[span.first]
        )
        if starts and (bad := MARK.search(text)):
            at = starts[span.first] + len(encode(text[: bad.start()], piece.encoding))
            message = f"byte 0x{ord(bad[0]) - 0xDC00:02x} at offset {at} of the file is not {piece.encoding}"
            yield piece.reject(index, span.first, text, "bad_encoding", message)
        else:
            yield _verdict(piece, index, span, text, parse)


def _starts(physical: list[str], piece: _Slice) -> list[int]:
    """Where each line starts, in bytes of the file."""
    sizes = (len(encode(line, piece.encoding)) for line in physical)
    return list(accumulate(sizes, initial=piece.offset))


def _verdict(piece: _Slice, index: int, span: Span, text: str, parse: Parser) -> _Good | Reject:
    if span.problem == TOO_LONG:
        return piece.reject(index, span.first, text, TOO_LONG)
    found = parse(text) if span.problem is None else None
    if found is None:
        return piece.reject(index, span.first, text, BAD_QUOTES)
    if len(found) != len(piece.header):
        return piece.ragged(index, span.first, text, len(found))
    return _Good(index, span.first, text.rstrip("\r\n"), found)


def _frame(
    source: Source, good: list[_Good], index: list[int], rejects: list[Reject], piece: _Slice
) -> Frame:
    place = {name: number for number, name in enumerate(piece.header)}
    columns = {
        path: [each.fields[place[path]] if path in place else None for each in good] for path in source.paths
    }
    cells = pl.DataFrame(columns, schema=dict.fromkeys(source.paths, pl.String))

    def look(row: int) -> Record:
        values = _values(source, piece, good[row].fields)
        return Record(values, piece.place(good[row].line), good[row].text[:LONGEST_TEXT])

    return Frame(cells, index, rejects, look)
