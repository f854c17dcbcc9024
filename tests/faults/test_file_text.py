"""F1, F2: files in any encoding bring the same items; what is no text is set aside alone, and said where."""

import codecs
import re
from decimal import Decimal

import pytest

from tests.engine.rows import rows
from tests.faults.whole_run import Folder, counts, items, raw_bytes, rejects

HEAD = "id,name,price,note\n"
PLAIN = HEAD + "1,Zürich,0.5,é\n2,øre,1,\n3,Ænima,2,ÿ\n"
QUOTED = HEAD + '1,"Zürich",0.5,"é"\n2,"a,""ø""\nc",1,\n3,Ænima,2,"ÿ\r\n"\n'
HALF = Decimal("0.5")
TABLES = {
    PLAIN: {"1": ("Zürich", HALF, "é"), "2": ("øre", 1, None), "3": ("Ænima", 2, "ÿ")},
    QUOTED: {"1": ("Zürich", HALF, "é"), "2": ('a,"ø"\nc', 1, None), "3": ("Ænima", 2, "ÿ\r\n")},
}
# The declared encoding, and what stands before the text.
ENCODINGS = {
    "utf-8": ("utf-8", b""),
    "utf-8 with mark": ("utf-8", codecs.BOM_UTF8),
    "utf-8-sig": ("utf-8-sig", b""),
    "utf-16-le with mark": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16-be with mark": ("utf-16-be", codecs.BOM_UTF16_BE),
    "utf-16-le": ("utf-16-le", b""),
    "utf-16-be": ("utf-16-be", b""),
    "utf-32-le with mark": ("utf-32-le", codecs.BOM_UTF32_LE),
    "utf-32-be": ("utf-32-be", b""),
    "latin-1": ("latin-1", b""),
    "cp1252": ("cp1252", b""),
    "iso8859-15": ("iso8859-15", b""),
}


@pytest.mark.parametrize("table", TABLES, ids=["plain", "quoted"])
@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS.values(), ids=ENCODINGS.keys())
def test_every_encoding_brings_the_same(engine, tmp_path, encoding, mark, table):
    content = mark + table.encode(encoding)
    folder = Folder(engine, tmp_path, encoding=encoding)
    folder.write(content)
    row = folder.run()

    assert counts(row) == {"fetched": 3, "inserted": 3}
    assert items(engine) == TABLES[table]
    assert raw_bytes(engine, row["id"]) == content


@pytest.mark.parametrize(("encoding", "mark"), list(ENCODINGS.values())[3:6])
def test_a_mark_counts_more_than_the_declaration(engine, tmp_path, encoding, mark):
    folder = Folder(engine, tmp_path, encoding="latin-1")
    folder.write((mark or codecs.BOM_UTF16_LE) + PLAIN.encode(encoding))

    assert counts(folder.run()) == {"fetched": 3, "inserted": 3}
    assert items(engine) == TABLES[PLAIN]


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_bad_bytes_are_told_with_their_offset(engine, tmp_path, quote):
    """Latin-1 in the midst of UTF-8: one record is set aside, and no letter becomes a question mark."""
    folder = Folder(engine, tmp_path)
    bad = f"2,{quote}Z".encode() + b"\xfc" + f"rich{quote},1,\n".encode()
    content = HEAD.encode() + "1,Zürich,0,\n".encode() + bad + b"3,c,1,\n"
    folder.write(content)

    assert counts(folder.run()) == {"fetched": 3, "inserted": 2, "rejected": 1}
    ((message, record),) = rows(engine, "SELECT message, record FROM rejects")
    offset = int(re.search(r"byte 0xfc at offset (\d+) of the file is not utf-8", message)[1])
    assert content[offset] == 0xFC
    assert record == f"2,{quote}Z\\xfcrich{quote},1,"
    assert set(items(engine)) == {"1", "3"}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_text_declared_narrow(engine, tmp_path, encoding):
    folder = Folder(engine, tmp_path)
    folder.write(PLAIN.encode(encoding))
    row = folder.run()

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "file", {})
    assert "holds a NUL" in row["error_message"]


CELLS = ["4", "a name", "1", "a note"]


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
@pytest.mark.parametrize("nul", ["\x00{}", "{}\x00", "\x00"], ids=["before", "behind", "alone"])
@pytest.mark.parametrize(
    ("column", "reason"), [(0, "bad_key"), (1, "nul_in_text"), (2, "nul_in_text"), (3, "nul_in_text")]
)
def test_nul_takes_one_record(engine, tmp_path, column, reason, nul, quote):
    folder = Folder(engine, tmp_path)
    cells = [
        quote + (nul.format(cell) if number == column else cell) + quote for number, cell in enumerate(CELLS)
    ]
    content = HEAD + "1,a,1,\n" + ",".join(cells) + "\n2,b,2,\n"
    folder.write(content)
    row = folder.run()

    assert counts(row) == {"fetched": 3, "inserted": 2, "rejected": 1}
    assert rejects(engine) == [(reason, "a.csv line 3")]
    assert set(items(engine)) == {"1", "2"}
    assert raw_bytes(engine, row["id"]) == content.encode()
    assert rows(engine, "SELECT record FROM rejects") == [(",".join(cells).replace("\x00", "␀"),)]


def test_nul_in_a_column_that_nobody_asked_for(engine, tmp_path):
    folder = Folder(engine, tmp_path)
    folder.write("id,name,price,note,extra\n1,a,1,,\x00\n")

    assert counts(folder.run()) == {"fetched": 1, "inserted": 1}
