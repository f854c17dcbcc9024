"""A slice of a JSON lines file: its lines that hold something, where they stand, and how to speak of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ingest.decode.json_record import LONGEST_TEXT, Problem
from ingest.files.encodings import MARK, decode, encode, escaped
from ingest.files.json_lines import FEED, UTF_8
from ingest.files.slices import CONTINUES, TOO_LONG
from ingest.page import Page, Reject

SPACE = " \t\r"


@dataclass(frozen=True)
class Lines:
    """The lines of a slice without what stands before them; a blank one is no record."""

    page: Page
    numbers: Sequence[int]
    texts: Sequence[str]

    @staticmethod
    def of(page: Page) -> "Lines":
        """The lines of a page, with marks for bytes that are no text."""
        if page.request.get(CONTINUES):
            return Lines(page, [], [])
        text = decode(page.body[page.request["skip"] :], UTF_8)
        if page.request.get(TOO_LONG):
            return Lines(page, [0], [text])  # blank or not, for what follows is not here
        lines = text.split("\n")
        texts = [line.strip(SPACE) for line in lines]
        numbers = [number for number, text in enumerate(texts) if text]
        return Lines(page, numbers, texts if len(numbers) == len(texts) else [texts[n] for n in numbers])

    def place(self, index: int) -> str:
        """Where a record stands, by its line, counted from 1 in the file."""
        return f"{self.page.request['file']} line {self.page.request['line'] + self.numbers[index]}"

    def reject(self, index: int, problem: Problem) -> Reject:
        """The reject of a record."""
        return Reject(index, self.place(index), *problem, escaped(self.text(index)))

    def text(self, index: int) -> str:
        """The record's own text, cut when long."""
        return self.texts[index][:LONGEST_TEXT]

    def bad_bytes(self, index: int) -> Problem | None:
        """What is wrong with a record whose bytes are no text: the first bad one, and its place."""
        if not MARK.search(self.texts[index]):
            return None
        line, offset = self._physical[self.numbers[index]]
        text = decode(line, UTF_8)
        bad = MARK.search(text)
        assert bad is not None
        at = offset + len(encode(text[: bad.start()], UTF_8))
        return Problem(
            "bad_encoding", f"byte 0x{ord(bad[0]) - 0xDC00:02x} at offset {at} of the file is not {UTF_8}"
        )

    @cached_property
    def _physical(self) -> list[tuple[bytes, int]]:
        """Every line as bytes, and where in the file it begins."""
        skip: int = self.page.request["skip"]
        lines = self.page.body[skip:].split(FEED)
        begins = accumulate((len(line) + 1 for line in lines), initial=self.page.request["offset"] + skip)
        return list(zip(lines, begins, strict=False))
