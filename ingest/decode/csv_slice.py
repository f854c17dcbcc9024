"""A slice of a CSV file, decoded: how to speak of its lines and of its bad records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ingest.declared import Source
from ingest.files.delimited import BAD_QUOTES, LONGEST_RECORD, TOO_LONG, Dialect
from ingest.files.encodings import count_lines, decode, escaped, marked
from ingest.page import Page, Reject

LONGEST_TEXT = 65_536

# Columns of the records of a slice: their first lines, their texts, their numbers. A space keeps them apart
# from any header.
LINE, TEXT, INDEX = " line", " text", " index"

MESSAGES = {
    BAD_QUOTES: "the quotes do not match up; a field is quoted as a whole, and a quote in it is doubled",
    TOO_LONG: f"the record is longer than {LONGEST_RECORD} characters",
}


@dataclass(frozen=True)
class Slice:
    """A slice without what stands before its records, decoded, and how to speak of its lines."""

    text: str
    dialect: Dialect
    header: list[str]
    file: str
    line: int
    offset: int
    encoding: str

    @staticmethod
    def of(page: Page) -> "Slice":
        """The slice of a page."""
        request: Mapping[str, Any] = page.request
        before, encoding = page.body[: request["skip"]], request["encoding"]
        return Slice(
            text=decode(memoryview(page.body)[len(before) :], encoding),
            dialect=Dialect(request["delimiter"], request["quote"]),
            header=list(request["header"]),
            file=request["file"],
            line=request["line"] + count_lines(before, encoding),
            offset=request["offset"] + len(before),
            encoding=encoding,
        )

    @property
    def clear(self) -> bool:
        """True when there is one kind of line end, and all is text."""
        text = self.text
        one_kind_of_end = "\r" not in text or text.count("\r") == text.count("\r\n")
        return one_kind_of_end and not marked(text)

    def values(self, source: Source, found: list[str]) -> dict[str, str | None]:
        """The fields of a record by the paths of the source."""
        named = dict(zip(self.header, found, strict=True))
        return {path: named.get(path) for path in source.paths}

    def cells(self, source: Source, fields: pl.DataFrame) -> pl.DataFrame:
        """The columns by the paths of the source, of a column for each field of the header."""
        absent = pl.repeat(None, len(fields), dtype=pl.String, eager=True)
        columns = {
            path: fields.to_series(self.header.index(path)) if path in self.header else absent
            for path in source.paths
        }
        return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))

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
