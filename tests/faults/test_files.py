"""F3 to F8, F15: files as people and programs break them, through whole runs."""

from decimal import Decimal

import pytest

from ingest.files.delimited import LONGEST_RECORD
from ingest.files.head import MOST_COLUMNS
from ingest.files.slices import MOST_SLICE_LINES
from tests.engine.rows import rows
from tests.faults.whole_run import Folder, counts, items, raw_bytes, rejects

HEAD = "id,name,price,note\n"


@pytest.fixture
def folder(engine, tmp_path):
    return Folder(engine, tmp_path)


def table(first, last):
    return "".join(f"{number},name {number},1,\n" for number in range(first, last))


def test_runaway_quote_swallows_nothing(folder):
    """F3: every line behind a quote that never closes is a record again."""
    content = HEAD + '0,"open,1,\n' + table(1, 5000)
    folder.write(content)
    row = folder.run()

    assert counts(row) == {"fetched": 5000, "inserted": 4999, "rejected": 1}
    assert rejects(folder.db) == [("bad_quotes", "a.csv line 2")]
    assert set(items(folder.db)) == {str(number) for number in range(1, 5000)}
    assert raw_bytes(folder.db, row["id"]) == content.encode()


@pytest.mark.parametrize("page_size", [1024, 4 * 1024**2], ids=["many slices", "one slice"])
@pytest.mark.parametrize("line", ['7,a"b,1,', '7,"a"b,1,', '7,"a,1,', '7, "a",1,', '"', '7,a,1,"'])
def test_bad_quotes_take_one_line(engine, tmp_path, line, page_size):
    """F3: wherever the file is cut."""
    folder = Folder(engine, tmp_path, page_size=page_size)
    folder.write(HEAD + table(100, 160) + line + "\n" + table(200, 260))

    assert counts(folder.run()) == {"fetched": 121, "inserted": 120, "rejected": 1}
    assert rejects(engine) == [("bad_quotes", "a.csv line 62")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("7,a,1", "too_few_fields"),
        ("7", "too_few_fields"),
        ("7,a,1,,", "too_many_fields"),
        ('7,"a,b",1,n,"x"', "too_many_fields"),
        (",,,,,,,,", "too_many_fields"),
    ],
)
def test_ragged_rows(folder, line, reason):
    """F4: set aside with their line; no column moves."""
    folder.write(HEAD + table(1, 3) + line + "\n" + table(3, 5))

    assert counts(folder.run()) == {"fetched": 5, "inserted": 4, "rejected": 1}
    assert rejects(folder.db) == [(reason, "a.csv line 4")]
    assert rows(folder.db, "SELECT record FROM rejects") == [(line,)]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,name,name,price,note", "column 'name' is there 2 times"),
        ("id,name,,price,note", "column 3 has no name"),
        ("id,name,price", "no column 'note'"),
        ("1,a,1,", "no column 'id'"),
        ("sep=;", "no column 'id'"),
        ("a report of things\nid,name,price,note", "the columns are 'a report of things'"),
        (f"id,name,price,note{',x' * MOST_COLUMNS}", f"has {MOST_COLUMNS + 4} columns"),
    ],
)
def test_bad_header_fails_the_file(folder, header, said):
    """F5: nothing is guessed and no column dropped; the error says what there is."""
    folder.write(f"{header}\n1,a,1,\n")
    row = folder.run()

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "file", {})
    assert "a.csv: " in row["error_message"]
    assert said in row["error_message"]


def test_second_header_is_a_record(folder):
    """F5: a header of two rows; and the header once more, as in files that were put together."""
    folder.write(HEAD + "key,text,EUR,text\n" + table(1, 3) + HEAD + table(3, 5))

    assert counts(folder.run()) == {"fetched": 6, "inserted": 4, "rejected": 2}
    assert rejects(folder.db) == [("not_a_number", "a.csv line 2"), ("not_a_number", "a.csv line 5")]


def test_preamble_is_skipped_where_it_is_declared(engine, tmp_path):
    """F5, F6: a title, and the line by which spreadsheets name their delimiter."""
    folder = Folder(engine, tmp_path, delimiter=";", skip_lines=2)
    folder.write("A report of things\nsep=;\nid;name;price;note\n1;a,b;1;\n")

    assert counts(folder.run()) == {"fetched": 1, "inserted": 1}
    assert items(engine)["1"][0] == "a,b"


WRITTEN = [["1", "plain", "0.5", "x"], ["2", '"two\nlines"', "1", '""'], ["3", '"a,b"', "2", '"say ""x"""']]
EXPECTED = {
    "1": ("plain", Decimal("0.5"), "x"),
    "2": ("two\nlines", Decimal(1), None),
    "3": ("a,b", Decimal(2), 'say "x"'),
}


@pytest.mark.parametrize(
    ("ends", "last"),
    [
        (["\n"] * 4, "\n"),
        (["\r\n"] * 4, "\r\n"),
        (["\r"] * 4, "\r"),
        (["\n", "\r\n", "\r", "\n"], ""),
        (["\r", "\n", "\r\n", "\r"], "\r\n"),
        (["\n\n\n", "\r\n\r\n", "\r\r", "\n\r\n\r"], "\n\n"),
    ],
    ids=["LF", "CRLF", "CR", "mixed, no last one", "mixed", "blank lines"],
)
@pytest.mark.parametrize("page_size", [1024, 5], ids=["one slice", "many slices"])
def test_line_ends_do_not_matter(engine, tmp_path, ends, last, page_size):
    """F6: also where a slice ends between CR and LF."""
    folder = Folder(engine, tmp_path, page_size=page_size)
    lines = [HEAD.strip(), *(",".join(cells) for cells in WRITTEN)]
    content = "".join(line + end for line, end in zip(lines, [*ends[:3], last], strict=True))
    folder.write(content)
    row = folder.run()

    assert counts(row) == {"fetched": 3, "inserted": 3}
    assert items(engine) == EXPECTED
    assert raw_bytes(engine, row["id"]) == content.encode()


def test_line_that_is_too_long(folder):
    """F7: one reject; the records on both sides are there. tests/proofs/memory.py does it with a gigabyte."""
    folder.write(HEAD + table(1, 3) + "x" * (5 * LONGEST_RECORD) + "\n" + table(3, 5))

    assert counts(folder.run()) == {"fetched": 5, "inserted": 4, "rejected": 1}
    assert rejects(folder.db) == [("record_too_long", "a.csv line 4")]


def test_slice_has_a_number_of_lines(folder):
    """F7: short lines would fill the memory long before their bytes do."""
    many = 2 * MOST_SLICE_LINES + 5
    folder.write(HEAD + "x\n" * many)
    row = folder.run()

    assert counts(row) == {"fetched": many, "rejected": many}
    assert row["pages"] == 3
    assert rows(folder.db, "SELECT max(records) FROM raw_data") == [(MOST_SLICE_LINES,)]
    assert rejects(folder.db)[-1] == ("too_few_fields", f"a.csv line {many + 1}")


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\n \n", HEAD, HEAD.strip(), HEAD + "\r\n\r\n"])
def test_empty_file_takes_nothing_away(folder, content):
    """F8: a success with nothing in it, and what stood before stays."""
    folder.write(HEAD + table(1, 4))
    folder.run()
    folder.write(content)
    row = folder.run()

    assert (row["state"], counts(row)) == ("succeeded", {})
    assert set(items(folder.db)) == {"1", "2", "3"}


def test_missing_file_is_no_empty_one(folder):
    row = folder.run()

    assert (row["state"], row["error_kind"]) == ("failed", "file")
    assert "no file matches *.csv" in row["error_message"]


def test_formulas_are_stored_as_they_are(folder):
    """F15: what a spreadsheet would execute is disarmed where it leaves: tests/web/test_export.py."""
    cells = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "%0A=1"]
    folder.write(HEAD + "".join(f'{number},"{cell}",1,\n' for number, cell in enumerate(cells)))
    folder.run()

    assert [name for name, _, _ in items(folder.db).values()] == cells
