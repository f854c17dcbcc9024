"""A slice of a JSON lines file: its lines that hold something, where they stand, and how to speak of them."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import polars as pl

from ingest.decode.json_record import LONGEST_TEXT, Problem
from ingest.files.encodings import MARK, decode, encode, escaped
from ingest.files.json_lines import FEED, UTF_8
from ingest.files.slices import CONTINUES, TOO_LONG
from ingest.page import Page, Reject

SPACE = " \t\r"


@dataclass(frozen=True)
class Lines:
    """The lines of a slice that hold something, without white space around them.

    `numbers` and `texts` are those of the records; null stands for bytes that are no text.
    """

    page: Page
    numbers: pl.Series
    texts: pl.Series

    @staticmethod
    def of(page: Page) -> "Lines":
        """The lines of a page; of a line too long, which is here in part only, the first part is one."""
        texts = _decoded(b"" if page.request.get(CONTINUES) else _body(page))
        if not page.request.get(TOO_LONG):
            texts = texts.str.strip_chars(SPACE)
        numbers = texts.ne_missing("").arg_true()
        return Lines(page, numbers, texts if len(numbers) == len(texts) else texts[numbers])

    def place(self, index: int) -> str:
        """Where a record stands, by its line, counted from 1 in the file."""
        return f"{self.page.request['file']} line {self.page.request['line'] + self.numbers[index]}"

    def reject(self, index: int, problem: Problem) -> Reject:
        """The reject of a record."""
        return Reject(index, self.place(index), *problem, escaped(self.text(index)))

    def text(self, index: int) -> str:
        """The record's own text, cut when long, with marks for bytes that are no text."""
        text: str | None = self.texts[index]
        if text is None:
            text = decode(self._physical[self.numbers[index]], UTF_8).strip(SPACE)
        return text[:LONGEST_TEXT]

    def bad_bytes(self, index: int) -> Problem:
        """What to say of a record whose bytes are no text: the first bad one, and its place."""
        number = self.numbers[index]
        text = decode(self._physical[number], UTF_8)
        bad = MARK.search(text)
        assert bad is not None
        at = self._begins[number] + len(encode(text[: bad.start()], UTF_8))
        message = f"byte 0x{ord(bad[0]) - 0xDC00:02x} at offset {at} of the file is not {UTF_8}"
        return Problem("bad_encoding", message)

    @cached_property
    def _physical(self) -> list[bytes]:
        """All lines."""
        return _body(self.page).split(FEED)

    @cached_property
    def _begins(self) -> list[int]:
        """Where in the file each line begins."""
        first: int = self.page.request["offset"] + self.page.request["skip"]
        return list(accumulate((len(line) + len(FEED) for line in self._physical), initial=first))


def _body(page: Page) -> bytes:
    """The page without what stands before its records."""
    return page.body[page.request["skip"] :]


def _decoded(body: bytes) -> pl.Series:
    try:
        return pl.Series(body.decode(UTF_8).split("\n"), dtype=pl.String)
    except UnicodeDecodeError:
        return pl.Series([_text(line) for line in body.split(FEED)], dtype=pl.String)


def _text(line: bytes) -> str | None:
    try:
        return line.decode(UTF_8)
    except UnicodeDecodeError:
        return None
