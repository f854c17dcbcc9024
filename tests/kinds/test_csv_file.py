"""CSV files: what is read again, what is not, and what a broken file does to the others."""

import gzip
import os

import pytest
import structlog

from ingest.errors import SourceBroken, TryLater
from ingest.files.delimited import LONGEST_RECORD
from ingest.kinds.csv_file import csv_file
from ingest.page import CSV
from tests.kinds.pulling import Folder, rows, taken

HEAD = "id,name\n"


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path, page_size=1024)


def table(first, last):
    return "".join(f"{number},name {number}\n" for number in range(first, last))


def expected(first, last):
    return [(str(number), f"name {number}") for number in range(first, last)]


def write(folder, text, name="a.csv"):
    path = folder.root / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_page_is_a_slice(folder):
    write(folder, HEAD + table(0, 200))
    first, *_, last = pages = folder.pages()

    assert all(page.media_type == CSV and page.part == "a.csv" for page in pages)
    assert all(900 < len(page.body) <= 1024 for page in pages[:-1])
    assert first.request == {
        "file": "a.csv",
        "offset": 0,
        "line": 1,
        "header": ["id", "name"],
        "skip": 8,
        "encoding": "utf-8",
        "delimiter": ",",
        "quote": '"',
    }
    assert last.request["offset"] == len(b"".join(page.body for page in pages[:-1]))
    assert last.request["skip"] == 0
    assert b"".join(page.body for page in pages) == (folder.root / "a.csv").read_bytes()
    assert rows(pages) == (expected(0, 200), [])


def test_unchanged_file_gives_no_page(folder):
    write(folder, HEAD + table(0, 200))
    folder.pages()

    assert folder.pages() == []


def test_unchanged_content_with_new_time(folder):
    path = write(folder, HEAD + table(0, 5))
    folder.pages()
    os.utime(path, (1, 1))

    assert folder.pages() == []


def test_appended_file_goes_on(folder):
    path = write(folder, HEAD + table(0, 200))
    folder.pages()
    with path.open("a") as file:
        file.write(table(200, 203))
    (page,) = folder.pages()

    assert rows([page]) == (expected(200, 203), [])
    assert page.request["line"] == 202
    assert folder.pages() == []


def test_replaced_file_is_read_whole(folder):
    write(folder, HEAD + table(0, 200))
    folder.pages()
    write(folder, HEAD + table(100, 400))

    assert folder.rows() == (expected(100, 400), [])


def test_one_byte_edited(folder):
    path = write(folder, HEAD + table(0, 200))
    folder.pages()
    path.write_text(path.read_text().replace("name 7\n", "name X\n"))

    assert ("7", "name X") in folder.rows()[0]


def test_shorter_file_is_read_whole(folder):
    write(folder, HEAD + table(0, 200))
    folder.pages()
    write(folder, HEAD + table(0, 10))

    assert folder.rows() == (expected(0, 10), [])


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_resumes_in_the_middle(folder, cut):
    write(folder, HEAD + table(0, 300))
    before = folder.pages(most=cut)
    after = folder.pages()

    assert rows(before + after) == (expected(0, 300), [])
    assert after[0].request["line"] == 2 + sum(page.body.count(b"\n") for page in before) - 1


def test_unfinished_last_record(folder):
    path = write(folder, HEAD + table(0, 3) + "3,na")
    assert folder.rows() == ([*expected(0, 3), ("3", "na")], [])
    assert folder.pages() == []

    with path.open("a") as file:
        file.write("me 3\n4,name 4")
    assert folder.rows() == (expected(3, 5), [])
    assert folder.pages() == []

    with path.open("a") as file:
        file.write("\n")
    assert folder.rows() == (expected(4, 5), [])
    assert folder.pages() == []


def test_unfinished_quoted_record(folder):
    path = write(folder, HEAD + '1,"first\nsec')
    assert folder.rows() == ([], [("bad_quotes", "a.csv line 2"), ("too_few_fields", "a.csv line 3")])

    with path.open("a") as file:
        file.write('ond"\n')
    assert folder.rows() == ([("1", "first\nsecond")], [])


def test_read_in_another_way(folder):
    write(folder, "id;name\n1;a,b\n")
    folder.options["delimiter"] = ";"
    folder.pages()
    folder.options["quote"] = "'"

    assert folder.rows() == ([("1", "a,b")], [])


def test_gzip(folder):
    folder.options["path"] = "*.gz"
    packed = gzip.compress((HEAD + table(0, 300)).encode())
    path = write(folder, packed, "a.csv.gz")
    assert folder.rows(most=2)[1] == []
    assert folder.rows()[0][-1] == ("299", "name 299")
    assert folder.pages() == []

    path.write_bytes(packed + gzip.compress(table(300, 305).encode()))
    assert folder.rows() == (expected(300, 305), [])


def test_truncated_gzip_gives_no_page(folder):
    """Its checksum is missing. What was loaded of a shorter file stays."""
    folder.options["path"] = "*.gz"
    text = HEAD + "".join(f"{number},{os.urandom(8).hex()}\n" for number in range(40_000))
    packed = gzip.compress(text.encode())
    path = write(folder, gzip.compress(text[:300_000].encode()), "a.csv.gz")
    folder.pages()
    reached = folder.positions["a.csv.gz"]["offset"]
    path.write_bytes(packed[: len(packed) * 3 // 4])
    with pytest.raises(SourceBroken, match=r"a\.csv\.gz: the gzip data end too early") as caught:
        folder.pages()
    assert caught.value.kind == "file"
    assert folder.positions["a.csv.gz"]["offset"] == reached > 100_000

    path.write_bytes(packed)
    assert folder.pages()[0].request["offset"] == reached


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"plain text", "cannot be decompressed"),
        (gzip.compress(b"id\n1\n") + gzip.compress(b"2\n")[:9], "end too early"),
        (gzip.compress(b"id\n" + b"1\n" * 1_000_000), "larger than 1000000 bytes"),
    ],
    ids=["no gzip", "half a member", "bomb"],
)
def test_bad_gzip(folder, content, said):
    write(folder, content, "a.gz")
    folder.options |= {"path": "a.gz", "most_decompressed": 1_000_000}

    with pytest.raises(SourceBroken, match=said):
        folder.pages()


@pytest.mark.parametrize(
    "behind", [bytes(100), b"garbage", b"\x1f", bytes(3) + b"\x1fx", bytes(600_000) + b"x"]
)
def test_gzip_with_something_behind(folder, behind):
    write(folder, gzip.compress(b"id\n1\n") + behind, "a.gz")
    folder.options["path"] = "a.gz"

    assert folder.rows() == ([("1",)], [])


def test_gzip_members_with_padding(folder):
    write(folder, gzip.compress(b"id\n1\n") + bytes(100) + gzip.compress(b"2\n"), "a.gz")
    folder.options["path"] = "a.gz"

    assert folder.rows() == ([("1",), ("2",)], [])


def test_gzip_garbage_is_said(folder):
    write(folder, gzip.compress(b"id\n1\n") + b"garbage", "a.gz")
    folder.options["path"] = "a.gz"
    with structlog.testing.capture_logs() as logs:
        folder.pages()

    assert "gzip trailing garbage ignored" in [each["event"] for each in logs]


def test_every_file_is_a_part(folder):
    (folder.root / "sub").mkdir()
    folder.options["path"] = "**/*.csv"
    write(folder, HEAD + table(0, 2), "sub/b.csv")
    write(folder, HEAD + table(2, 4), "a.csv")

    assert [page.part for page in folder.pages()] == ["a.csv", "sub/b.csv"]
    assert folder.pages() == []


def test_no_file(folder):
    with pytest.raises(SourceBroken, match=r"no file matches \*\.csv") as caught:
        folder.pages()

    assert caught.value.kind == "file"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n", b"  \n \n", b"id,name\n", b"id,name"])
def test_nothing_in_it(folder, content):
    write(folder, content)

    assert folder.pages() == []


def test_header_gets_records_later(folder):
    path = write(folder, HEAD)
    folder.pages()
    path.write_text(HEAD + "1,a\n")

    assert folder.rows() == ([("1", "a")], [])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,name,id", "column 'id' is there 2 times"),
        ("id,,name", "column 2 has no name"),
        ("id,Nmae", r"no column 'name' \(did you mean 'Nmae'\?\); the columns are 'id', 'Nmae'"),
        ('id,"name', "quotes of the header"),
        ("id,na\x00me,name", "holds a NUL"),
    ],
)
def test_bad_header(folder, header, said):
    write(folder, f"{header}\n1,a,b\n", "a.csv")
    write(folder, HEAD + "2,b\n", "b.csv")
    folder.options["columns"] = ("id", "name")
    with pytest.raises(SourceBroken, match=f"a.csv: .*{said}") as caught:
        folder.pages()

    assert caught.value.kind == "file"
    assert list(folder.positions) == ["b.csv"]


def test_all_broken_files_are_named(folder):
    for name in ("a.csv", "b.csv", "c.csv"):
        write(folder, "x,y\n1,2\n", name)
    folder.options["columns"] = ("id",)

    with pytest.raises(SourceBroken, match=r"(?s)a\.csv: .*b\.csv: .*c\.csv: "):
        folder.pages()


def test_declared_header(folder):
    write(folder, "# made by hand\n# twice\n" + table(0, 3))
    folder.options |= {"header": ("id", "name"), "skip_lines": 2}
    pages = folder.pages()

    assert rows(pages) == (expected(0, 3), [])
    assert pages[0].body == (folder.root / "a.csv").read_bytes()


def test_preamble_and_header(folder):
    write(folder, "sep=;\n\n id ; name \n1;a\n\n2;b\n")
    folder.options |= {"skip_lines": 1, "delimiter": ";"}

    assert folder.rows() == ([("1", "a"), ("2", "b")], [])


@pytest.mark.parametrize("target", ["outside", "inside"])
def test_link_is_refused(folder, tmp_path_factory, target):
    away = (tmp_path_factory.mktemp("away") if target == "outside" else folder.root) / "secret.txt"
    away.write_text(HEAD + "1,secret\n")
    (folder.root / "a.csv").symlink_to(away)

    with pytest.raises(SourceBroken, match=r"a\.csv: is a symbolic link"):
        folder.pages()


def test_linked_folder_is_refused(folder, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    (away / "a.csv").write_text(HEAD + "1,secret\n")
    (folder.root / "sub").symlink_to(away)
    folder.options["path"] = "sub/a.csv"

    with pytest.raises(SourceBroken, match=r"sub/a\.csv: is below a symbolic link"):
        folder.pages()


def test_pipe_is_refused(folder):
    os.mkfifo(folder.root / "a.csv")

    with pytest.raises(SourceBroken, match="not a regular file"):
        folder.pages()


def meddled(folder, meddle):
    """Pages of a run between whose first and second somebody writes."""
    pages = csv_file(None, folder.positions, **folder.options)
    yield next(pages)
    meddle()
    yield from pages


def test_growing_file_is_read(folder):
    path = write(folder, HEAD + table(0, 200))

    def grow():
        with path.open("a") as file:
            file.write(table(200, 210))

    found = taken(meddled(folder, grow), folder.positions, None)
    found += folder.pages()

    assert rows(found) == (expected(0, 210), [])
    assert folder.positions["a.csv"]["lines"] == 211


@pytest.mark.parametrize("text", [HEAD + table(0, 100), HEAD + table(300, 500)], ids=["shorter", "as long"])
def test_rewritten_while_read(folder, text):
    path = write(folder, HEAD + table(300, 500))

    def rewrite():
        path.write_text(text)
        os.utime(path, (1, 1))

    with pytest.raises(TryLater, match=r"a\.csv") as caught:
        taken(meddled(folder, rewrite), folder.positions, None)
    assert caught.value.seconds == 5


def test_endless_line_in_bounded_memory(folder):
    folder.options["page_size"] = 1024**2
    body = HEAD.encode() + b"1,a\n" + b"x" * (12 * LONGEST_RECORD) + b"\r\n2,b\n"
    write(folder, body)
    pages = folder.pages()

    assert b"".join(page.body for page in pages) == body
    assert max(len(page.body) for page in pages) < 9 * LONGEST_RECORD
    assert rows(pages) == ([("1", "a"), ("2", "b")], [("record_too_long", "a.csv line 3")])
    assert folder.pages() == []


def test_resumes_inside_an_endless_line(folder):
    folder.options["page_size"] = 1024**2
    body = HEAD.encode() + b"x" * (9 * LONGEST_RECORD) + b"\n2,b\n"
    write(folder, body)
    pages = [page for _ in range(40) for page in folder.pages(most=1)]

    assert b"".join(page.body for page in pages) == body
    assert rows(pages) == ([("2", "b")], [("record_too_long", "a.csv line 2")])


def test_open_quote_before_an_endless_line(folder):
    body = HEAD.encode() + b'1,"a\n' + b"x" * (9 * LONGEST_RECORD) + b"\n2,b\n"
    write(folder, body)
    pages = folder.pages()

    assert b"".join(page.body for page in pages) == body
    assert rows(pages) == (
        [("2", "b")],
        [("bad_quotes", "a.csv line 2"), ("record_too_long", "a.csv line 3")],
    )


def test_unsupported_encoding(folder):
    write(folder, HEAD)
    folder.options["encoding"] = "cp037"

    with pytest.raises(SourceBroken, match="CSV in cp037"):
        folder.pages()


def test_declared_encoding_is_wrong(folder):
    write(folder, "id,größe\n1,a\n".encode("cp1252"))

    with pytest.raises(SourceBroken, match="header is not in the declared encoding"):
        folder.pages()
