"""Slices, put together, are the file; and what is in them does not depend on where they were cut."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import decode
from ingest.files.delimited import Dialect
from ingest.files.head import read_head
from ingest.files.slices import MOST_SLICE_LINES, Stand, slices
from ingest.page import CSV, Page
from tests.kinds.pulling import source

DIALECT = Dialect(",", '"')
ENCODINGS = ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "cp1252"]


def pages(body, *, size, piece, encoding="utf-8"):
    """The slices of a body that arrives in pieces, as pages."""
    arriving = [body[at : at + piece] for at in range(0, len(body), piece)]
    head = read_head(arriving, DIALECT, encoding=encoding, header=("a", "b"), skip_lines=0)
    if head is None:
        return []
    found = []
    for each in slices(arriving, head, Stand(), size=size):
        skip = 0 if each.start.offset else head.skip
        place = {"file": "f", "offset": each.start.offset, "line": each.start.line, "skip": skip}
        dialect = {"encoding": head.encoding, "delimiter": ",", "quote": '"', "header": head.header}
        found.append(Page(each.body, CSV, place | dialect, None))
    return found


def outcome(found):
    """All that comes of the pages: rows, and rejects with their lines."""
    frames = [decode(page, source(["a", "b"])) for page in found]
    good = [(row, frame.record(n).position) for frame in frames for n, row in enumerate(frame.cells.rows())]
    return good, [(r.reason, r.position, r.record) for frame in frames for r in frame.rejects]


cells = st.text(st.sampled_from(list('ab,"\r\n é')), max_size=6)
tables = st.lists(st.tuples(cells, cells), max_size=12)
mess = st.text(st.sampled_from(list('ab,"\r\n')), max_size=60)
ends = st.sampled_from(["\n", "\r\n", "\r"])


def as_csv(table, end):
    text = io.StringIO()
    # Quoted throughout, for the csv module leaves a line end alone that is not the table's own.
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    return text.getvalue()


@settings(deadline=None, max_examples=300)
@given(tables, ends, st.integers(1, 40), st.integers(1, 40), st.sampled_from(ENCODINGS))
def test_good_tables_come_back(table, end, size, piece, encoding):
    body = as_csv(table, end).encode(encoding)
    found = pages(body, size=size, piece=piece, encoding=encoding)

    assert b"".join(page.body for page in found) == body
    good, bad = outcome(found)
    assert [row for row, _ in good] == table
    assert bad == []


@settings(deadline=None, max_examples=500)
@given(mess, st.integers(1, 30), st.integers(1, 30))
def test_cuts_change_nothing(text, size, piece):
    body = text.encode()
    cut = pages(body, size=size, piece=piece)

    assert b"".join(page.body for page in cut) == (body if text.strip() else b"")
    assert outcome(cut) == outcome(pages(body, size=10_000, piece=10_000))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80), st.integers(1, 30), st.sampled_from(["utf-8", "utf-16", "utf-32", "cp1252"]))
def test_any_bytes_survive(body, size, encoding):
    head_only = not pages(body, size=10_000, piece=10_000, encoding=encoding)
    found = pages(body, size=size, piece=7, encoding=encoding)

    assert head_only or b"".join(page.body for page in found) == body
    outcome(found)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_numbers(end):
    body = end.join(["1,a", "", '2,"b', 'c"', "3", ""]).encode()

    good, bad = outcome(pages(body, size=4, piece=3))

    assert [position for _, position in good] == ["f line 1", "f line 3"]
    assert bad == [("too_few_fields", "f line 5", "3")]


@pytest.mark.parametrize(
    ("record", "encoding"),
    [("a,b\n", "utf-8"), ("a,b\r", "utf-8"), ("a,b\r\n", "utf-16-le"), ('a,"b\n"\n', "utf-8")],
)
def test_slices_have_few_lines(record, encoding):
    """However many would fit by their bytes."""
    many = 2 * MOST_SLICE_LINES + 5
    body = (record * many).encode(encoding)
    found = pages(body, size=4 * 1024**2, piece=64 * 1024, encoding=encoding)
    frames = [decode(page, source(["a", "b"])) for page in found]

    assert b"".join(page.body for page in found) == body
    assert max(frame.records for frame in frames) <= MOST_SLICE_LINES
    assert [
        sum(values) for values in zip(*((len(f.index), len(f.rejects)) for f in frames), strict=True)
    ] == [many, 0]
