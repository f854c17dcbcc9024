"""Damaged files and replies: how bytes are damaged, and what a whole run over them must keep to.

Whatever the bytes: a run ends succeeded, or failed by the file's or the reply's fault; each record that
another reader finds in them has one outcome; raw pages are the bytes that were read; and a record that is as
it was before is there, unless its key came about once more.
"""

import codecs
import gzip
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine

from tests.engine.rows import rows
from tests.faults.readers import decompressed, lines_of, parsed, records_of
from tests.faults.whole_run import Api, Folder, emptied, items, raw_bytes
from tests.upstream import Play, Upstream

OUTCOMES = ("inserted", "updated", "unchanged", "rejected", "superseded")
HEAD = b"id,name,price,note\n"
# Bytes that mean something to one of the forms.
PUTS = [b'"', b",", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b'""', b"\n\n", b'"\n', b',"']
PUTS += [b"{", b"}", b"[", b"]", b"\\", b"\\ud800", b"\\u0000", b"1e999", b"NaN", b"null", b"'", b"\x1f\x8b"]

Values = tuple[Any, ...]


def damaged(data: bytes, chance: Random) -> bytes:
    """The bytes after one to three of: flip, delete, insert, duplicate a slice, truncate, splice."""
    for _ in range(chance.choice([1, 1, 2, 3])):
        data = _edited(data, chance) if data else data
    return data


def _edited(data: bytes, chance: Random) -> bytes:
    at, other = chance.randrange(len(data)), chance.randrange(len(data))
    far = min(len(data), at + chance.choice([1, 2, 5, 40, 300]))
    before, hit, behind = data[:at], data[at:far], data[far:]
    edits: dict[str, Callable[[], bytes]] = {
        "flip": lambda: before + bytes([hit[0] ^ 1 << chance.randrange(8)]) + data[at + 1 :],
        "delete": lambda: before + behind,
        "insert": lambda: before + chance.choice([*PUTS, chance.randbytes(3)]) + data[at:],
        "duplicate": lambda: before + hit + hit + behind,
        "truncate": lambda: before,
        "splice": lambda: before + data[other : other + chance.choice([1, 5, 40, 300])] + behind,
    }
    # A file that is cut off early has little left to look at.
    return edits[chance.choices(list(edits), [3, 3, 5, 3, 1, 3])[0]]()


class Ground:
    """Where mutants run: a database, a folder and a server, with a source over each form."""

    def __init__(self, db: Engine, folder: Path, server: Upstream) -> None:
        self.db, self.server = db, server
        self.plain = Folder(db, folder, "a.csv", page_size=1024)
        self.packed = Folder(db, folder, "a.csv.gz", page_size=1024)
        self.lines = Folder(db, folder, "a.jsonl", page_size=1024)
        self.api = Api(db, server.url + "/things")

    def csv(self, mutant: bytes) -> None:
        """Run over the damaged CSV."""
        self.plain.write(mutant)
        row = self._checked(self.plain.run)
        landed = raw_bytes(self.db, row["id"])
        assert landed == mutant or (not row["fetched"] and not landed), "raw pages are not the file"
        if mutant.startswith(HEAD):
            found = records_of(mutant[len(HEAD) :].decode(errors="surrogateescape"))
            assert (row["state"], row["fetched"]) == ("succeeded", len(found)), row["error_message"]
            self._holds([(cells[0], _values(cells)) for cells in found if cells and len(cells) == 4])

    def gzip(self, mutant: bytes) -> None:
        """Run over the damaged gzip."""
        self.packed.write(mutant, "a.csv.gz")
        row = self._checked(self.packed.run)
        landed, content = raw_bytes(self.db, row["id"]), decompressed(mutant)
        assert content.startswith(landed), "raw pages are not what was packed"
        assert row["state"] == "failed" or landed == content, "a part of the file is missing"
        assert items(self.db).items() <= RECORDS.items(), "records that nobody wrote"

    def json(self, mutant: bytes) -> None:
        """Run over the damaged reply."""
        self.server.steps = [Play(200, mutant, {"Content-Type": "application/json"})]
        row = self._checked(self.api.run)
        document = parsed(mutant)
        if not isinstance(document, list):
            assert (row["state"], row["error_kind"], row["fetched"]) == ("failed", "reply", 0)
            return
        assert (row["state"], row["fetched"]) == ("succeeded", len(document)), row["error_message"]
        assert raw_bytes(self.db, row["id"]) == mutant, "the raw page is not the reply"
        cells = [_cells(record) for record in document if isinstance(record, dict)]
        self._holds([(str(each[0]), _values(each)) for each in cells if each])

    def jsonl(self, mutant: bytes) -> None:
        """Run over the damaged JSON lines."""
        self.lines.write(mutant, "a.jsonl")
        row = self._checked(self.lines.run)
        if mutant.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            assert (row["state"], row["error_kind"], row["fetched"]) == ("failed", "file", 0)
            return
        found, landed = lines_of(mutant), raw_bytes(self.db, row["id"])
        assert (row["state"], row["fetched"]) == ("succeeded", len(found)), row["error_message"]
        assert landed == mutant or (not found and not landed), "raw pages are not the file"
        cells = [_cells(record) for record in found if isinstance(record, dict)]
        self._holds([(str(each[0]), _values(each)) for each in cells if each])

    def _checked(self, run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        """The row of a run from nothing, whose counters must be what stands in the tables."""
        emptied(self.db)
        row = run("full")
        assert row["state"] in ("succeeded", "failed"), row["state"]
        assert row["state"] == "succeeded" or row["error_kind"] in ("file", "reply"), row["error_message"]
        assert row["fetched"] == sum(row[name] for name in OUTCOMES)
        assert rows(self.db, "SELECT coalesce(sum(records), 0) FROM raw_data") == [(row["fetched"],)]
        assert rows(self.db, "SELECT count(*) FROM rejects") == [(row["rejected"],)]
        assert rows(self.db, "SELECT count(*) FROM things") == [(row["inserted"],)]
        return row

    def _holds(self, found: list[tuple[str, Values | None]]) -> None:
        """Records that are as they were are there, where their key is in the content once."""
        there, keys = items(self.db), Counter(key.strip() for key, _ in found)
        ours = {
            key: values for key, values in found if values and RECORDS.get(key) == values and keys[key] == 1
        }
        lost = {key: (values, there.get(key)) for key, values in ours.items() if there.get(key) != values}
        assert not lost, lost


def _cells(record: dict[str, Any]) -> list[Any]:
    """The values of a record that has its four names and no other; empty: it has not."""
    names = ["id", "name", "price", "note"]
    return [record[name] for name in names] if set(record) == set(names) else []


def _values(cells: list[Any]) -> Values | None:
    """Name, price and note as they are stored; None: not a price as we write them."""
    try:
        price = Decimal(cells[2])
        return (cells[1], price, cells[3] or None) if str(price) == cells[2] else None
    except (ArithmeticError, IndexError, TypeError, ValueError):
        return None


NAMES = ["plain", "Zürich", "a, b", 'in "quotes"', "two\nlines", "狗", "tab\tbed", "'single'", "x" * 80]
NOTES = [*NAMES, ""]
RECORDS = {
    f"k{n:03}": (NAMES[n % len(NAMES)], Decimal(n) / 8, NOTES[n * 7 % len(NOTES)] or None) for n in range(60)
}
BAD_LINES = [
    b"k900,too few\n",
    b"k901,too,many,of,them\n",
    b"k902,a,no price,\n",
    b'k903,a "b",1,\n',
    b",no key,1,\n",
]
BAD_DOCUMENTS = [7, {"id": "k900"}, {"id": "k901", "name": "a", "price": "no price", "note": None}, None]


def _line(cells: list[str]) -> bytes:
    quoted = ('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell for cell in cells)
    return ",".join(quoted).encode() + b"\n"


def _mixed(good: list[Any], bad: list[Any]) -> list[Any]:
    """The bad ones, one after each ten good ones."""
    mixed = list(good)
    for number, each in enumerate(bad):
        mixed.insert(10 + 11 * number, each)
    return mixed


LINES = [_line([key, name, str(price), note or ""]) for key, (name, price, note) in RECORDS.items()]
DOCUMENTS = [
    {"id": key, "name": name, "price": str(price), "note": note}
    for key, (name, price, note) in RECORDS.items()
]
CSV = HEAD + b"".join(_mixed(LINES, BAD_LINES))
LINE_BY_LINE = [json.dumps(each, ensure_ascii=False).encode() for each in _mixed(DOCUMENTS, BAD_DOCUMENTS)]
BAD_JSON = [b'{"id":"k902","name":"a', b'{"id":"k903"} {}', b'{"id":"k904","name":"\xff"}', b" \t"]
FORMS = {
    "csv": CSV,
    "gzip": gzip.compress(CSV, mtime=0),
    "jsonl": b"\n".join(_mixed(LINE_BY_LINE, BAD_JSON)),
    "json": json.dumps(_mixed(DOCUMENTS, BAD_DOCUMENTS), ensure_ascii=False).encode(),
}


def mutate_and_check(ground: Ground, form: str, seed: int) -> None:
    """Damage one form by the seed, run, and check. Raises AssertionError with what was lost."""
    getattr(ground, form)(damaged(FORMS[form], Random(seed)))
