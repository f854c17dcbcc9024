"""Contents that fill the memory of whoever reads them carelessly, and what each of them has to come to."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ingest.kinds.bounds import BYTES_A_RECORD

MB = 1024**2
HEAD = b"id,name,price,note\n"
LAST = b"9,last,9,\n"
FILLER = "x" * 950
CHUNK = b"x" * MB
# The largest reply that a source takes which does not declare another.
CAP = 16 * MB

# What a run has to come to: its counters, or what its error says.
Outcome = dict[str, int] | str


@dataclass(frozen=True)
class Case:
    """`write` puts the content, of about that many megabytes, and says what comes of it."""

    name: str
    suffix: str
    write: Callable[[BinaryIO, int], Outcome]
    options: dict[str, Any] = field(default_factory=dict)


def ordinary(file: BinaryIO, megabytes: int) -> Outcome:
    """Good records of a kilobyte."""
    return _good(file, megabytes, lambda n: f"{n},name {n},{n}.25,{FILLER}\n")


def quoted(file: BinaryIO, megabytes: int) -> Outcome:
    """The same with every field in quotes, some with what quotes are for."""
    return _good(file, megabytes, lambda n: f'"{n}","name, ""{n}""","{n}.25","{FILLER}"\n')


def _good(file: BinaryIO, megabytes: int, line: Callable[[int], str]) -> Outcome:
    file.write(HEAD)
    rows = 0
    while file.tell() < megabytes * MB:
        file.write("".join(map(line, range(rows, rows + 1000))).encode())
        rows += 1000
    return {"fetched": rows, "inserted": rows}


def one_line(file: BinaryIO, megabytes: int) -> Outcome:
    """A line without an end, between two records."""
    _filled(file, HEAD + b"1,first,1,\n", megabytes, b"\n" + LAST)
    return {"fetched": 3, "inserted": 2, "rejected": 1}


def one_field(file: BinaryIO, megabytes: int) -> Outcome:
    """A field in quotes that is closed at last."""
    _filled(file, HEAD + b'1,"', megabytes, b'",1,\n' + LAST)
    return {"fetched": 2, "inserted": 1, "rejected": 1}


def open_quote(file: BinaryIO, megabytes: int) -> Outcome:
    """A quote that never closes, and lines behind it: each is a record of too few fields."""
    line = b"x" * (MB // 16 - 1) + b"\n"
    file.write(HEAD + b'1,"' + line)
    for _ in range(16 * megabytes):
        file.write(line)
    file.write(LAST)
    return {"fetched": 16 * megabytes + 2, "inserted": 1, "rejected": 16 * megabytes + 1}


def bomb(file: BinaryIO, megabytes: int) -> Outcome:
    """The line without an end, a thousand to one."""
    with gzip.open(file, "wb") as packed:
        outcome = one_line(packed, megabytes)  # type: ignore[arg-type]  # written to, and nothing else
    assert file.tell() * 900 < megabytes * MB
    return outcome


def shortest_lines(file: BinaryIO, megabytes: int) -> Outcome:
    """Nothing but rejects, of one letter each."""
    many = megabytes * MB // 1000
    file.write(HEAD + b"x\n" * many)
    return {"fetched": many, "rejected": many}


def bad_values(file: BinaryIO, megabytes: int) -> Outcome:
    """Nothing but records that are taken apart, judged one by one, and refused."""
    many = megabytes * MB // 1000
    file.write(HEAD)
    for number in range(many):
        file.write(b"%d,a name,a price,a note\n" % number)
    return {"fetched": many, "rejected": many}


def empty_lines(file: BinaryIO, megabytes: int) -> Outcome:
    """Line ends, and one record behind them."""
    file.write(HEAD)
    for _ in range(max(1, megabytes // 16)):
        file.write(b"\n" * MB)
    file.write(LAST)
    return {"fetched": 1, "inserted": 1}


def wide_records(file: BinaryIO, megabytes: int) -> Outcome:
    """Records of half a million fields."""
    many = max(1, megabytes // 4)
    file.write(HEAD + (b"," * 500_000 + b"\n") * many + LAST)
    return {"fetched": many + 1, "inserted": 1, "rejected": many}


def wide_header(file: BinaryIO, megabytes: int) -> Outcome:
    """A table of half a million columns."""
    file.write(b"id,name," + b",".join(b"%x" % number for number in range(500_000)) + b"\n1,a\n")
    return "has 500002 columns"


def json_lines(file: BinaryIO, megabytes: int) -> Outcome:
    """Good records of a kilobyte, a line each."""
    rows = 0
    while file.tell() < megabytes * MB:
        many = range(rows, rows + 1000)
        lines = (
            f'{{"id": {n}, "name": "name {n}", "price": {n}.25, "note": "{FILLER}", "tags": [{n}]}}\n'
            for n in many
        )
        file.write("".join(lines).encode())
        rows += 1000
    return {"fetched": rows, "inserted": rows}


def one_json_line(file: BinaryIO, megabytes: int) -> Outcome:
    """A text that never ends, between two records."""
    _filled(file, b'{"id":1,"name":"a"}\n{"id":2,"name":"', megabytes, b'"}\n{"id":9,"name":"z"}\n')
    return {"fetched": 3, "inserted": 2, "rejected": 1}


def dense_json_lines(file: BinaryIO, megabytes: int) -> Outcome:
    """Records of half a million values, which nobody asked for."""
    for number in range(megabytes):
        file.write(b'{"id":%d,"name":"a","list":[' % number + b"1," * (MB // 2 - 100) + b"1]}\n")
    return {"fetched": megabytes, "inserted": megabytes}


def shortest_json_lines(file: BinaryIO, megabytes: int) -> Outcome:
    """Nothing but rejects, of two letters each."""
    many = megabytes * MB // 1000
    file.write(b"{}\n" * many)
    return {"fetched": many, "rejected": many}


def page(file: BinaryIO, megabytes: int) -> Outcome:
    """A reply at the cap, as APIs write them."""
    coin = {"symbol": "abc", "rank": 17, "volume": 12345678.25, "at": "2026-01-01T00:00:00.000Z", "roi": None}
    more = {f"price_change_percentage_{hours}h": -1.25 for hours in (1, 24, 168, 720)}
    rows, size, parts = 0, 0, []
    while size < CAP - MB // 4:
        record = {
            "id": f"coin-{rows}",
            "name": f"Coin {rows}",
            "price": rows / 8,
            "note": "a note",
            **coin,
            **more,
        }
        parts.append(json.dumps(record))
        size += len(parts[-1]) + 1
        rows += 1
    file.write(f"[{','.join(parts)}]".encode())
    return {"fetched": rows, "inserted": rows}


def _repeated(unit: bytes, said: str) -> Callable[[BinaryIO, int], Outcome]:
    def write(file: BinaryIO, megabytes: int) -> Outcome:
        file.write(b"[" + unit * ((CAP - 3) // len(unit)) + b"1]")
        return said

    return write


def densest(file: BinaryIO, megabytes: int) -> Outcome:
    """As many records and values as are read of a reply, and all of them bad."""
    many = CAP // BYTES_A_RECORD - 10
    file.write(
        b"["
        + b",".join(b'{"id":%d,"note":[1,2,3,4,5,6,7,8,9,10,11]}' % number for number in range(many))
        + b"]"
    )
    return {"fetched": many, "rejected": many}


def many_names(file: BinaryIO, megabytes: int) -> Outcome:
    """One object with more names than anybody's."""
    names = b",".join(b'"%x":1' % number for number in range(CAP // 11))
    file.write(b"[{" + names + b"}]")
    return "values"


def deep(file: BinaryIO, megabytes: int) -> Outcome:
    """Lists in lists, fewer than a page may hold."""
    file.write(b"[" * 100_000)
    return "nested too deeply"


def _filled(file: BinaryIO, before: bytes, megabytes: int, after: bytes) -> None:
    file.write(before)
    for _ in range(megabytes):
        file.write(CHUNK)
    file.write(after)


CASES = [
    Case("ordinary CSV", ".csv", ordinary),
    Case("every field in quotes", ".csv", quoted),
    Case("one line", ".csv", one_line),
    Case("one field in quotes", ".csv", one_field),
    Case("a quote that never closes", ".csv", open_quote),
    Case("gzip bomb", ".csv.gz", bomb),
    Case("nothing but line ends", ".csv", empty_lines),
    Case("nothing but rejects", ".csv", shortest_lines),
    Case("nothing but bad values", ".csv", bad_values),
    Case("half a million fields", ".csv", wide_records),
    Case("half a million columns", ".csv", wide_header),
    Case("ordinary JSON lines", ".jsonl", json_lines),
    Case("JSON line without end", ".jsonl", one_json_line),
    Case("JSON lines of many values", ".jsonl", dense_json_lines),
    Case("JSON lines of nothing", ".jsonl", shortest_json_lines),
    Case("JSON page at the cap", ".json", page),
    Case("JSON as dense as is read", ".json", densest),
    Case("JSON of objects", ".json", _repeated(b'{"a":1},', "values")),
    Case("JSON of empty lists", ".json", _repeated(b"[],", "values")),
    Case("JSON of numbers", ".json", _repeated(b"1,", "values")),
    Case("JSON of many names", ".json", many_names),
    Case("JSON of depth", ".json", deep),
]
