"""F11: files in gzip that are cut off, damaged, or more than one member, and what of them is loaded."""

import gzip
from random import Random

import pytest

from tests.faults.whole_run import Folder, counts, items, raw_bytes

HEAD = "id,name,price,note\n"
NOISE = Random(7)
# More than is decompressed at once, and hardly to be compressed: damage in its middle is met in its middle.
LINES = [f"{number},name {number},1,{NOISE.randbytes(16).hex()}\n" for number in range(20_000)]
TABLE = (HEAD + "".join(LINES)).encode()
PACKED = gzip.compress(TABLE, mtime=0)


@pytest.fixture
def folder(engine, tmp_path):
    return Folder(engine, tmp_path, "a.csv.gz", page_size=64 * 1024)


def with_byte(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("at", [len(PACKED) // 2, len(PACKED) - 6], ids=["in the middle", "its checksum"])
def test_damaged_gzip_gives_no_record(folder, at):
    """What comes out behind damage is anybody's guess, and the checksum stands at the end."""
    folder.write(with_byte(PACKED, at), "a.csv.gz")
    row = folder.run()

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "file", {})
    assert "a.csv.gz: cannot be decompressed" in row["error_message"]
    assert items(folder.db) == {}


def test_truncated_gzip_gives_no_record(folder):
    """Its checksum is missing, so nobody knows. What came of the file when it was shorter stays."""
    folder.write(gzip.compress((HEAD + "".join(LINES[:100])).encode()), "a.csv.gz")
    folder.run()
    folder.write(PACKED[: len(PACKED) // 2], "a.csv.gz")
    row = folder.run()

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "file", {})
    assert "a.csv.gz: the gzip data end too early" in row["error_message"]
    assert len(items(folder.db)) == 100

    folder.write(PACKED, "a.csv.gz")
    assert counts(folder.run()) == {name: len(LINES) - 100 for name in ("fetched", "inserted")}


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TABLE[:300_000]) + gzip.compress(TABLE[300_000:]),
        PACKED + bytes(512),
        PACKED + b"garbage behind it",
    ],
    ids=["two members", "padding", "trailing garbage"],
)
def test_members_and_what_is_behind(folder, packed):
    folder.write(packed, "a.csv.gz")
    row = folder.run()

    assert (row["state"], counts(row)) == ("succeeded", {"fetched": len(LINES), "inserted": len(LINES)})
    assert raw_bytes(folder.db, row["id"]) == TABLE


def test_second_member_is_damaged(folder):
    second = with_byte(gzip.compress(TABLE[300_000:]), 100_000)
    folder.write(gzip.compress(TABLE[:300_000]) + second, "a.csv.gz")

    assert counts(folder.run()) == {}


def test_bomb_is_refused(engine, tmp_path):
    folder = Folder(engine, tmp_path, "a.csv.gz", most_decompressed=1_000_000)
    folder.write(gzip.compress(HEAD.encode() + b"x" * 50_000_000), "a.csv.gz")
    row = folder.run()

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "file", {})
    assert "a.csv.gz: is larger than 1000000 bytes" in row["error_message"]


JSON_LINES = "".join(
    f'{{"id":{n},"name":"name {n}","price":1,"note":"{NOISE.randbytes(8).hex()}"}}\n' for n in range(9000)
)


@pytest.mark.parametrize(
    ("damage", "outcome"),
    [
        (lambda packed: packed + bytes(512), {"fetched": 9000, "inserted": 9000}),
        (lambda packed: packed[: len(packed) // 2], {}),
        (lambda packed: with_byte(packed, len(packed) // 2), {}),
        (lambda packed: with_byte(packed, len(packed) - 6), {}),
    ],
    ids=["whole", "cut off", "damaged in the middle", "its checksum"],
)
def test_json_lines_are_packed_alike(engine, tmp_path, damage, outcome):
    folder = Folder(engine, tmp_path, "a.jsonl.gz", page_size=64 * 1024)
    folder.write(damage(gzip.compress(JSON_LINES.encode(), mtime=0)), "a.jsonl.gz")
    row = folder.run()

    assert (row["state"], row["error_kind"]) == (("succeeded", None) if outcome else ("failed", "file"))
    assert counts(row) == outcome
    assert raw_bytes(folder.db, row["id"]) == (JSON_LINES.encode() if outcome else b"")


@pytest.mark.parametrize("name", ["a.zip", "a.csv.zip"])
def test_zip_is_no_text(engine, tmp_path, name):
    """Nothing is unpacked but gzip: a zip is a file in no encoding, and cannot slip or nest."""
    folder = Folder(engine, tmp_path, name)
    folder.write(b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xff\xfe../../etc/passwd\n\x93\x00\n", name)
    row = folder.run()

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "file", {})
