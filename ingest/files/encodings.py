"""Text encodings of files: byte order marks, where lines end in bytes, and bytes that are no text.

A byte that the encoding does not know is decoded to a mark (a lone surrogate), so that only the record
that holds it is set aside, and the bytes can be had back from the text.
"""

import codecs
import re
from itertools import islice

import numpy as np

from ingest.errors import SourceBroken

MARKED = "kasparro-marked"
MARK = re.compile("([\udc00-\udcff])")
LINE_END = re.compile("\r\n|\r|\n")
ASCII = bytes(range(128))
FEED = ord("\n")
# The longer ones first: UTF-32's mark begins like UTF-16's.
BYTE_ORDER_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
WITHOUT_MARK = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Decode bad bytes to marks."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARKED, _mark)


def recognised(start: bytes, declared: str) -> tuple[str, int]:
    """The encoding without its mark, and the mark's length; a mark in the file counts more than the word.

    Raises SourceBroken for encodings whose line ends and delimiters are not those of ASCII.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding, len(mark)
    name = codecs.lookup(declared).name
    encoding = WITHOUT_MARK.get(name, name)
    if width(encoding) == 1 and ASCII.decode(encoding, "replace") != ASCII.decode("ascii"):
        raise SourceBroken(f"CSV in {declared} cannot be read; convert the file to UTF-8", kind="file")
    return encoding, 0


def width(encoding: str) -> int:
    """How many bytes a line feed has; also the unit at which line ends are aligned."""
    return {"utf-16": 2, "utf-32": 4}.get(encoding[:6], 1)


def decode(data: bytes | memoryview, encoding: str) -> str:
    """The text, with marks for bad bytes."""
    return str(data, encoding, MARKED)


def marked(text: str) -> bool:
    """Whether the text holds marks. To look for surrogates letter by letter takes much longer than this."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def encode(text: str, encoding: str) -> bytes:
    """The bytes that `decode` made the text of."""
    return b"".join(
        bytes([ord(part) - 0xDC00]) if MARK.fullmatch(part) else part.encode(encoding)
        for part in MARK.split(text)
    )


def escaped(text: str) -> str:
    r"""The text with its marks written like \x9d."""
    return MARK.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def lines_end(data: bytes, encoding: str) -> int:
    """The length of all whole lines at the start. A CR at the very end may be half of a CRLF: not whole."""
    unit = width(encoding)
    feed = _last(data, "\n".encode(encoding), len(data))
    carriage = _last(data, "\r".encode(encoding), len(data) - unit)
    last = max(feed, carriage)
    return 0 if last < 0 else last + unit


def first_line_end(data: bytes, encoding: str) -> int:
    """The length of the first whole line, or 0."""
    unit = width(encoding)
    for at in range(0, lines_end(data, encoding), unit):
        letter = data[at : at + unit].decode(encoding, "replace")
        if letter == "\n" or (letter == "\r" and data[at + unit : at + 2 * unit] != "\n".encode(encoding)):
            return at + unit
    return 0


def count_lines(data: bytes, encoding: str) -> int:
    """How many line ends the bytes hold: LF, CRLF, or CR alone."""
    if width(encoding) == 1:
        alone = data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0
        # Five times as fast as bytes.count, which stops at each.
        return int(np.count_nonzero(np.frombuffer(data, np.uint8) == FEED)) + alone
    text = decode(data, encoding)
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def first_lines(data: bytes, encoding: str, most: int) -> bytes:
    """The data, or as many lines of them if they hold more line ends than that."""
    if count_lines(data, encoding) <= most:
        return data
    text = decode(data, encoding)
    last = next(islice(LINE_END.finditer(text), most - 1, None))
    return data[: len(encode(text[: last.end()], encoding))]


def _last(data: bytes, mark: bytes, end: int) -> int:
    """Where the mark stands last before `end`, aligned; -1: nowhere."""
    at = data.rfind(mark, 0, max(end, 0))
    while at > 0 and at % len(mark):
        at = data.rfind(mark, 0, at + len(mark) - 1)
    return at
