"""Where the lines of a JSON lines file begin and end: UTF-8, a record a line, each ended by LF.

A CR before the LF is white space of JSON, as is one between two values of a record.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice

from ingest.errors import SourceBroken
from ingest.files.encodings import recognised

FEED = b"\n"
UTF_8 = "utf-8"


@dataclass(frozen=True)
class JsonLines:
    """The `Layout` of the file; `skip` is the length of its byte order mark."""

    skip: int

    def lines_end(self, data: bytes) -> int:
        """See `Layout`."""
        return data.rfind(FEED) + 1

    def whole_records(self, data: bytes) -> int:
        """See `Layout`. A line is a record."""
        return self.lines_end(data)

    def first_line_end(self, data: bytes) -> int:
        """See `Layout`."""
        return data.find(FEED) + 1

    def first_lines(self, data: bytes, most: int) -> bytes:
        """See `Layout`."""
        if self.count_lines(data) <= most:
            return data
        end = 0
        for _ in range(most):
            end = data.index(FEED, end) + 1
        return data[:end]

    def count_lines(self, data: bytes) -> int:
        """See `Layout`."""
        return data.count(FEED)

    def chunk(self, data: bytes) -> int:
        """See `Layout`. A line feed is one byte, and no part of another character."""
        return len(data)


def read_layout(pieces: Iterable[bytes]) -> JsonLines:
    """The layout of a file, from its first bytes. Raises SourceBroken for a mark of UTF-16 or UTF-32."""
    encoding, mark = recognised(bytes(islice(chain.from_iterable(pieces), 4)), UTF_8)
    if encoding != UTF_8:
        raise SourceBroken(f"JSON lines in {encoding} cannot be read; convert the file to UTF-8", kind="file")
    return JsonLines(mark)
