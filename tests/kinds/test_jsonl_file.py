"""JSON lines files: what is read again, what is not, and what a bad line does to the others."""

import codecs
import gzip
import json
import os

import pytest

from ingest.errors import SourceBroken, TryLater
from ingest.files.delimited import LONGEST_RECORD
from ingest.files.slices import MOST_SLICE_LINES
from ingest.page import JSONL
from tests.kinds.pulling import Folder, rows, taken


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path, "*.jsonl*", page_size=1024)


def table(first, last):
    lines = (json.dumps({"id": number, "name": f"name {number}"}) for number in range(first, last))
    return "".join(f"{line}\n" for line in lines)


def expected(first, last):
    return [(str(number), f"name {number}") for number in range(first, last)]


def write(folder, text, name="a.jsonl"):
    path = folder.root / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_page_is_a_slice(folder):
    path = write(folder, table(0, 200))
    first, *_, last = pages = folder.pages()

    assert all(page.media_type == JSONL and page.part == "a.jsonl" for page in pages)
    assert all(900 < len(page.body) <= 1024 for page in pages[:-1])
    assert first.request == {"file": "a.jsonl", "offset": 0, "line": 1, "skip": 0}
    assert last.request["offset"] == len(b"".join(page.body for page in pages[:-1]))
    assert b"".join(page.body for page in pages) == path.read_bytes()
    assert rows(pages) == (expected(0, 200), [])


def test_unchanged_file_gives_no_page(folder):
    path = write(folder, table(0, 200))
    folder.pages()
    os.utime(path, (1, 1))

    assert folder.pages() == []


def test_appended_file_goes_on(folder):
    path = write(folder, table(0, 200))
    folder.pages()
    append(path, table(200, 203))
    (page,) = folder.pages()

    assert rows([page]) == (expected(200, 203), [])
    assert page.request["line"] == 201
    assert folder.pages() == []


@pytest.mark.parametrize("last", [400, 10], ids=["longer", "shorter"])
def test_replaced_file_is_read_whole(folder, last):
    write(folder, table(0, 200))
    folder.pages()
    write(folder, table(5, last))

    assert folder.rows() == (expected(5, last), [])


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_resumes_in_the_middle(folder, cut):
    write(folder, table(0, 300))

    assert rows(folder.pages(most=cut) + folder.pages()) == (expected(0, 300), [])


def test_unfinished_last_line(folder):
    """Half an object is no object: it is a reject, and read again when its line has an end."""
    path = write(folder, table(0, 3) + '{"id":3,"na')
    assert folder.rows() == (expected(0, 3), [("not_json", "a.jsonl line 4")])
    assert folder.pages() == []

    append(path, 'me":"name 3"}\n{"id":4,"name":"name 4"}')
    assert folder.rows() == (expected(3, 5), [])
    assert folder.pages() == []

    append(path, "\n")
    assert folder.rows() == (expected(4, 5), [])
    assert folder.pages() == []


def test_gzip(folder):
    packed = gzip.compress(table(0, 300).encode())
    path = write(folder, packed, "a.jsonl.gz")
    assert folder.rows(most=2)[1] == []
    assert folder.rows()[0][-1] == ("299", "name 299")
    assert folder.pages() == []

    path.write_bytes(packed + gzip.compress(table(300, 305).encode()))
    assert folder.rows() == (expected(300, 305), [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"plain text", "cannot be decompressed"),
        (gzip.compress(b"{}\n" * 100_000)[:-9], "end too early"),
        (gzip.compress(b"{}\n" * 1_000_000), "larger than 1000000 bytes"),
    ],
    ids=["no gzip", "cut off", "bomb"],
)
def test_bad_gzip(folder, content, said):
    write(folder, content, "a.jsonl.gz")
    folder.options["most_decompressed"] = 1_000_000

    with pytest.raises(SourceBroken, match=said):
        folder.pages()


def test_every_file_is_a_part(folder):
    write(folder, table(0, 2), "b.jsonl")
    write(folder, codecs.BOM_UTF16_LE + b"{\x00}\x00", "a.jsonl")

    with pytest.raises(SourceBroken, match=r"a\.jsonl: JSON lines in utf-16-le cannot be read") as caught:
        folder.pages()
    assert caught.value.kind == "file"
    assert list(folder.positions) == ["b.jsonl"]


def test_byte_order_mark(folder):
    body = codecs.BOM_UTF8 + table(0, 200).encode()
    write(folder, body)
    pages = folder.pages()

    assert b"".join(page.body for page in pages) == body
    assert rows(pages) == (expected(0, 200), [])


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8])
def test_nothing_in_it(folder, content):
    write(folder, content)

    assert folder.pages() == []


@pytest.mark.parametrize("name", ["a.jsonl", "sub/a.jsonl"])
def test_link_is_refused(folder, tmp_path_factory, name):
    away = tmp_path_factory.mktemp("away")
    (away / "a.jsonl").write_text(table(0, 1))
    (folder.root / name.partition("/")[0]).symlink_to(away / "a.jsonl" if name == "a.jsonl" else away)
    folder.options["path"] = name

    with pytest.raises(SourceBroken, match="symbolic link"):
        folder.pages()


@pytest.mark.parametrize("text", [table(0, 100), table(300, 500)], ids=["shorter", "as long"])
def test_rewritten_while_read(folder, text):
    path = write(folder, table(300, 500))
    pages = folder.kind(None, folder.positions, **folder.options)

    def meddled():
        yield next(pages)
        path.write_text(text)
        os.utime(path, (1, 1))
        yield from pages

    with pytest.raises(TryLater, match=r"a\.jsonl"):
        taken(meddled(), folder.positions, None)


@pytest.mark.parametrize("filler", [b"x", b" "])
def test_endless_line_in_bounded_memory(folder, filler):
    """One reject, and what stands behind it on its line is part of it, blank or not."""
    folder.options["page_size"] = 1024**2
    body = b'{"id":1,"name":"a"}\n' + filler * (12 * LONGEST_RECORD) + b'{"id":3}\r\n{"id":2,"name":"b"}\n'
    write(folder, body)
    pages = folder.pages()

    assert b"".join(page.body for page in pages) == body
    assert max(len(page.body) for page in pages) < 9 * LONGEST_RECORD
    assert rows(pages) == ([("1", "a"), ("2", "b")], [("record_too_long", "a.jsonl line 2")])
    assert folder.pages() == []


def test_resumes_inside_an_endless_line(folder):
    folder.options["page_size"] = 1024**2
    body = b'{"id":"' + b"x" * (9 * LONGEST_RECORD) + b'"}\n{"id":2,"name":"b"}\n'
    write(folder, body)
    pages = [page for _ in range(40) for page in folder.pages(most=1)]

    assert b"".join(page.body for page in pages) == body
    assert rows(pages) == ([("2", "b")], [("record_too_long", "a.jsonl line 1")])


def test_slices_have_few_lines(folder):
    folder.options["page_size"] = 4 * 1024**2
    many = 2 * MOST_SLICE_LINES + 5
    body = b'{"id":1}\n' * many
    write(folder, body)
    pages = folder.pages()

    assert b"".join(page.body for page in pages) == body
    assert [page.body.count(b"\n") for page in pages] == [MOST_SLICE_LINES, MOST_SLICE_LINES, 5]
    assert len(rows(pages)[0]) == many
