"""Slices of CSV: both ways give one frame, and a bad record is set aside alone."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import csv_quoted, decode
from ingest.decode.csv_lines import by_lines
from ingest.decode.csv_slice import LONGEST_TEXT, Slice
from ingest.files.delimited import BAD_QUOTES, LONGEST_RECORD, MOST_LINES, TOO_LONG, lines, parser, spans
from ingest.files.encodings import MARK
from ingest.page import CSV, Page
from tests.kinds.pulling import source


def page(body, *, header=("id", "name"), encoding="utf-8", **request):
    """A slice without head."""
    place = {"file": "coins.csv", "offset": 0, "line": 1, "skip": 0, "header": list(header)}
    form = {"encoding": encoding, "delimiter": ",", "quote": '"'}
    return Page(body.encode(encoding) if isinstance(body, str) else body, CSV, place | form | request, None)


def frame(body, paths=("id", "name"), **options):
    return decode(page(body, **options), source(paths))


def bad(found):
    return [(reject.reason, reject.position, reject.record) for reject in found.rejects]


def looked_up(found):
    """Every good record, with its own text."""
    records = [found.record(row) for row in range(len(found.cells))]
    return [(record, record.text) for record in records]


def test_fields_are_text():
    found = frame("1,\n 007 , x\n")

    assert found.cells.rows() == [("1", ""), (" 007 ", " x")]
    assert found.index.to_list() == [0, 1]
    assert found.records == 2


def test_record_looks_back():
    found = frame('1,a\r\n\r\n2,"b ""x"""\r\n', line=10, offset=100)
    record = found.record(1)

    assert record.values == {"id": "2", "name": 'b "x"'}
    assert record.position == "coins.csv line 12"
    assert record.text == '2,"b ""x"""'


def test_columns_by_name():
    found = frame("1,x,9\n", paths=("name", "missing", "id"), header=("id", "name", "extra"))

    assert found.cells.rows() == [("x", None, "1")]
    assert found.cells.columns == ["name", "missing", "id"]
    assert found.record(0).values == {"name": "x", "missing": None, "id": "1"}


def test_head_is_skipped():
    found = frame("sep=,\r\nid,name\r\n1,a\r\n2\r\n", skip=16)

    assert found.cells.rows() == [("1", "a")]
    assert bad(found) == [("too_few_fields", "coins.csv line 4", "2")]


@pytest.mark.parametrize("quoted", ["", '"q",r\n'], ids=["bulk", "one by one"])
def test_ragged_rows(quoted):
    found = frame(f"1,a\n2\n3,c,d\n{quoted}4,e\n")

    assert bad(found) == [
        ("too_few_fields", "coins.csv line 2", "2"),
        ("too_many_fields", "coins.csv line 3", "3,c,d"),
    ]
    assert found.rejects[1].message == "has 3 fields; the header has 2"
    assert [reject.index for reject in found.rejects] == [1, 2]
    assert ("4", "e") in found.cells.rows()


def test_one_column():
    assert frame("a\n\nb c\n", paths=("id",), header=("id",)).cells.rows() == [("a",), ("b c",)]
    assert frame('""\nb\n', paths=("id",), header=("id",)).cells.rows() == [("",), ("b",)]


@pytest.mark.parametrize("line", ['2,"b"x', '2,b"x', '"2"",b', '2, "b"', '"2'])
def test_bad_quotes_take_one_line(line):
    found = frame(f"1,a\n{line}\n3,c\n")

    assert found.cells.rows() == [("1", "a"), ("3", "c")]
    assert bad(found) == [("bad_quotes", "coins.csv line 2", line)]


def test_open_quote_swallows_nothing():
    table = [(str(number), f"n{number}") for number in range(3000)]
    text = '0,"open\n' + "".join(f"{id},{name}\n" for id, name in table)
    found = frame(text)

    assert found.cells.rows() == table
    assert bad(found) == [("bad_quotes", "coins.csv line 1", '0,"open')]


def test_open_quote_meets_another():
    found = frame('1,"open\n2,b\n3,"also"\n4,d\n5,"x\ny"\n')

    assert found.cells.rows() == [("2", "b"), ("3", "also"), ("4", "d"), ("5", "x\ny")]
    assert bad(found) == [("bad_quotes", "coins.csv line 1", '1,"open')]


def test_quote_that_closes_too_late():
    lines = "".join(f"{number},b\n" for number in range(MOST_LINES))
    found = frame(f'x,"open\n{lines}y,"\n')

    assert [reject.reason for reject in found.rejects] == ["bad_quotes", "bad_quotes"]
    assert len(found.cells) == MOST_LINES


@pytest.mark.parametrize("quoted", ["", '"q",r\n'], ids=["bulk", "one by one"])
def test_longest_record(quoted):
    fits = "1," + "x" * (LONGEST_RECORD - 2)
    found = frame(f"{quoted}{fits}\r\n{fits}x\r\n")

    assert len(found.cells[-1, "name"]) == LONGEST_RECORD - 2
    assert [reject.reason for reject in found.rejects] == ["record_too_long"]
    assert len(found.rejects[0].record) == LONGEST_TEXT


def test_continued_line_holds_no_record():
    assert frame("xxx", continues=True).records == 0
    assert frame("1,a", too_long=True).rejects[0].reason == "record_too_long"


def test_nul_is_kept():
    assert frame("1,a\x00b\n").cells.rows() == [("1", "a\x00b")]
    assert frame('1,"a\x00b"\n').cells.rows() == [("1", "a\x00b")]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "iso8859-15", "utf-16-le", "utf-16-be", "utf-32-be"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_encodings(encoding, quote):
    found = frame(f"1,{quote}Zürich €{quote}\r\n", encoding=encoding)

    assert found.cells.rows() == [("1", "Zürich €")]


@pytest.mark.parametrize(
    ("encoding", "body", "byte", "offset", "record"),
    [
        ("utf-8", b"1,a\n2,b\x9dc\n3,d\n", "0x9d", 107, "2,b\\x9dc"),
        ("utf-8", b'1,a\n2,"\xe9\nx"\n3,d\n', "0xe9", 107, '2,"\\xe9\nx"'),
        ("cp1252", b"1,a\n2,\x81\n3,d\n", "0x81", 106, "2,\\x81"),
        (
            "utf-16-le",
            "1,a\n2,".encode("utf-16-le") + b"\x00\xd8" + "\n3,d\n".encode("utf-16-le"),
            "0x00",
            112,
            "2,\\x00\\xd8",
        ),
    ],
)
def test_bad_bytes_take_one_record(encoding, body, byte, offset, record):
    found = frame(body, encoding=encoding, offset=100)

    assert found.cells.rows() == [("1", "a"), ("3", "d")]
    assert bad(found) == [("bad_encoding", "coins.csv line 2", record)]
    assert found.rejects[0].message == f"byte {byte} at offset {offset} of the file is not {encoding}"


def test_carriage_return_alone():
    assert frame("1,a\r2,b\r").cells.rows() == [("1", "a"), ("2", "b")]
    assert frame("1,a\r\n2,b\r3,c\n").cells.rows() == [("1", "a"), ("2", "b"), ("3", "c")]


# The csv module does not quote a CR alone, and then breaks the line there.
cells = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=5)
tables = st.lists(st.tuples(cells, cells, cells), max_size=8)


@settings(deadline=None, max_examples=300)
@given(tables, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_agrees_with_csv_module(table, end, quoting):
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(table)
    found = frame(text.getvalue(), paths=("a", "b", "c"), header=("a", "b", "c"))
    read = list(csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True))

    assert found.cells.rows() == [tuple(row) for row in read]
    assert found.rejects == []


def one_by_one(page):
    """What is good (number, fields, line, own text) and what is bad in a slice, each record judged alone."""
    piece = Slice.of(page)
    physical, parse = lines(piece.text), parser(piece.dialect)
    good, bad = [], []
    for index, span in enumerate(spans(physical, piece.dialect)):
        text = "".join(physical[span.first : span.last + 1])
        found = parse(text) if span.problem is None else None
        if MARK.search(text):
            bad.append((index, "bad_encoding", piece.place(span.first)))
        elif found is None:
            bad.append(
                (index, span.problem if span.problem == TOO_LONG else BAD_QUOTES, piece.place(span.first))
            )
        elif len(found) != 2:
            bad.append((index, f"too_{'few' if len(found) < 2 else 'many'}_fields", piece.place(span.first)))
        else:
            good.append((index, tuple(found), piece.place(span.first), text.rstrip("\r\n")))
    return good, bad


def in_bulk(page):
    """The same of the decoder."""
    found = decode(page, source(("id", "name")))
    good = [
        (index, found.cells.row(row), record.position, record.text)
        for row, index in enumerate(found.index)
        for record in [found.record(row)]
    ]
    return good, [(reject.index, reject.reason, reject.position) for reject in found.rejects]


plain = st.text(st.sampled_from(list("ab,\n é\x00")), max_size=60)
LINES = ["", "1,a", '"2","b"', '"3,x"', "4", "5,a,b", '"6","c\nd"', '7,"open', '8,"a"x', ' "9",b', '10,""""']
LINES += ["\x85,\u2028", '"', '11,"\r"', "12,\udc9d", '13,"\udc9d\n"', '14,"a""b"', '"",""']
dirty = st.lists(st.sampled_from(LINES), max_size=20)


@settings(deadline=None, max_examples=300)
@given(plain, st.booleans())
def test_both_ways_agree(text, crlf):
    body = text.replace("\n", "\r\n") if crlf else text
    found, piece = frame(body), Slice.of(page(body))
    slowly = by_lines(source(("id", "name")), piece)

    assert piece.clear
    assert found.cells.equals(slowly.cells)
    assert found.index.to_list() == slowly.index.to_list()
    assert found.rejects == slowly.rejects
    assert looked_up(found) == looked_up(slowly)
    assert in_bulk(page(body)) == one_by_one(page(body))


@settings(deadline=None, max_examples=500)
@given(dirty, st.sampled_from(["\n", "\r\n", "\r"]))
def test_bulk_agrees_on_dirty_lines(records, end):
    body = page(end.join(records).encode("utf-8", "surrogateescape"))

    assert in_bulk(body) == one_by_one(body)


mess = st.text(st.sampled_from(list('ab,"\r\n')), max_size=60)


@settings(deadline=None, max_examples=500)
@given(mess)
def test_bulk_agrees_on_mess(text):
    assert in_bulk(page(text)) == one_by_one(page(text))


def test_many_quoted_records():
    """Polars reads them in pieces, with several threads."""
    fields = ['a,""b""', "", "  spaces  ", "é\ufeff\u2028", 'x""', "NULL", "\x00"]
    texts = [f'"{number}","{fields[number % len(fields)]}"' for number in range(40_000)]
    texts[5] = '5,"too","many"'
    found = frame("\n".join(texts))

    assert found.index.to_list() == [number for number in range(40_000) if number != 5]
    assert [reject.reason for reject in found.rejects] == ["too_many_fields"]
    assert found.cells.rows() == [
        (str(number), fields[number % len(fields)].replace('""', '"')) for number in found.index
    ]


@pytest.mark.parametrize("start", ["\ufeff", "#", " ", "\x00"])
def test_quoted_record_begins_with(start):
    assert frame(f'{start}1,"a,b"\n2,"c"\n').cells.rows() == [(f"{start}1", "a,b"), ("2", "c")]


def test_quoted_records_of_many_columns(monkeypatch):
    """More than one pattern is worth."""
    monkeypatch.setattr(csv_quoted, "MOST_FIELDS", 1)

    assert frame('1,"a,b"\n"2",c\n').cells.rows() == [("1", "a,b"), ("2", "c")]


@pytest.mark.parametrize("mark", [";", "|", "\t", " ", "^", "]", "\\", "-", "ß", "x", "0"])
def test_any_delimiter_and_quote(mark):
    quoted = frame(f'"1"{mark}"a{mark}b"\n', delimiter=mark)
    odd = frame(f"{mark}1{mark},{mark}a{mark}{mark},{mark}\n", quote=mark)

    assert quoted.cells.rows() == [("1", f"a{mark}b")]
    assert odd.cells.rows() == [("1", f"a{mark},")]
