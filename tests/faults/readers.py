"""Other readers than ours of CSV, gzip and JSON, slow and plain: what damaged bytes come to by the rules."""

import json
import re
import zlib
from decimal import Decimal
from typing import Any

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
FIELD = r'(?:"(?:[^"]|"")*"|[^",\r\n]*)'
RECORD = re.compile(rf"{FIELD}(?:,{FIELD})*")
CELL = re.compile(rf"(?:^|,)({FIELD})")


def records_of(text: str) -> list[list[str] | None]:
    """The records by the documented rule, read slowly; None: a line whose quotes do not match up.

    A record is as few lines as make one; where no number of lines does, the first is bad by itself.
    """
    found: list[list[str] | None] = []
    lines = LINE.findall(text)
    while lines:
        lengths = (many for many in range(1, len(lines) + 1) if _whole(lines[:many]))
        length = next(lengths, 0)
        record = "".join(lines[: length or 1]).rstrip("\r\n")
        del lines[: length or 1]
        if record:
            found.append([_unquoted(cell) for cell in CELL.findall(record)] if length else None)
    return found


def _whole(lines: list[str]) -> bool:
    return RECORD.fullmatch("".join(lines).rstrip("\r\n")) is not None


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def parsed(mutant: bytes | str) -> Any:
    """What Python's own parser makes of a reply or a line; None when it is none."""
    try:
        return json.loads(mutant, parse_float=Decimal, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None


def lines_of(mutant: bytes) -> list[Any]:
    """What Python's own parser makes of each line that is not blank; None where it is none."""
    lines = mutant.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [_parsed_line(line) for line in lines if line.strip(b" \t\r")]


def _parsed_line(line: bytes) -> Any:
    try:
        return parsed(line.decode())
    except UnicodeDecodeError:
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that gives a name twice is none of ours."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else {}


def decompressed(mutant: bytes) -> bytes:
    """All that zlib gets out of the members, however they end."""
    found = b""
    while mutant.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(31)
        for at in range(len(mutant)):
            try:
                found += member.decompress(mutant[at : at + 1])
            except zlib.error:
                return found
            if member.eof:
                break
        mutant = (member.unused_data + mutant[at + 1 :]).lstrip(b"\x00") if member.eof else b""
    return found
