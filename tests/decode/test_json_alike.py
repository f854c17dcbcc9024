"""In bulk or one by one, records of JSON come to the same cells and the same rejects."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import decode
from ingest.decode.json_alike import FEWEST, alike
from ingest.decode.json_record import INDEX
from ingest.page import JSONL, Page
from tests.decode.written import PATHS, forms, odd, written
from tests.kinds.pulling import source

edits = st.tuples(
    st.integers(0, 200),
    st.integers(0, 3),
    st.sampled_from(
        [b"", b'"', b"\\", b",", b"}", b"{", b"\xff", b"\x00", b" ", b"null", b'"id":1,', b"\xe2\x80"]
    ),
)


@st.composite
def pages(draw):
    """Lines of one or two forms, some of them edited, often enough for the bulk way."""
    lines: list[bytes] = []
    for form in draw(st.lists(forms, min_size=1, max_size=2)):
        lines += [text.encode() for text in draw(st.lists(written(form), min_size=1, max_size=4))]
    for at, length, put in draw(st.lists(edits, max_size=2)):
        number = at % len(lines)
        lines[number] = lines[number][:at] + put + lines[number][at + length :]
    lines += [draw(odd).encode(), b'{"id":' + draw(odd).encode() + b"}"]
    return lines * (2 * FEWEST // len(lines) + 1)


def outcome(lines, first=1):
    """What becomes of each line: a row of cells with its place and text, or a reject."""
    place = {"file": "f", "offset": 0, "line": first, "skip": 0}
    frame = decode(Page(b"\n".join(lines), JSONL, place, None), source(PATHS))
    records = [frame.record(row) for row in range(len(frame.index))]
    good = [
        (row, record.position, record.text) for row, record in zip(frame.cells.rows(), records, strict=True)
    ]
    assert sorted([*frame.index, *(reject.index for reject in frame.rejects)]) == list(range(frame.records))
    return good, [(reject.position, reject.reason, reject.record) for reject in frame.rejects]


@settings(deadline=None, max_examples=150)
@given(pages())
def test_bulk_agrees(lines):
    """Fewer lines than `FEWEST` are read one by one."""
    alone = [outcome([line], number) for number, line in enumerate(lines, 1)]

    assert outcome(lines) == (
        [row for good, _ in alone for row in good],
        [bad for _, each in alone for bad in each],
    )


# Nearly JSON, or JSON that only a parser reads.
ODD = [
    "01",
    "-",
    "1.",
    ".5",
    "+1",
    "1e",
    "--1",
    "NaN",
    "-Infinity",
    "True",
    "nul",
    "",
    "''",
    "[1,]",
    "[,]",
    "{,}",
]
ODD += [
    '"\x00"',
    '"\x1f"',
    '"\t"',
    '"\\x"',
    '"\\u12g4"',
    '"\\U0041"',
    '"\\"',
    '"a',
    '"\\ud800"',
    '"\\u0000"',
    '{"b":1,"b":2}',
]
ODD += [
    '"\x7f"',
    '"\\""',
    '"\\"\\""',
    '"\\\\"',
    '"null"',
    "null",
    "true",
    "1.50",
    "-0E-0",
    "[]",
    "{}",
    '{"b":1}',
    '{"b":{"d":1}}',
]
FRAMES = [
    '{{"id":{0},"name":{1},"x":"b"}}',
    '{{"id":"a","name":"b","x":{0}}}',
    '{{"id":"a","a":{{"b":{0},"z":1}}}}',
    '{{"id":"a","a":{0}}}',
    '{{"id":"a","x":[{0},{0}]}}',
    '{{"id":"a","x":{{"y":{0}}}}}',
    '{{"id":1{0}}}',
]


@pytest.mark.parametrize("usual", ['"b"', "1", "null", "true", '{"b":1}', "[]"])
@pytest.mark.parametrize("form", FRAMES)
def test_odd_values_among_usual_ones(form, usual):
    """Many records of one shape, and behind them each value that may deceive it."""
    good = form.format(usual, '"n"') if form != FRAMES[-1] else '{"id":1}'
    lines = [good.encode()] * 2 * FEWEST + [form.format(value, '"n"').encode() for value in ODD]
    alone = [outcome([line], number) for number, line in enumerate(lines, 1)]

    assert outcome(lines) == (
        [row for good, _ in alone for row in good],
        [bad for _, each in alone for bad in each],
    )


RECORD = {
    "id": 1.5,
    "name": 'a"ä',
    "a": {"b": True, "c": {"d": None}},
    "list": None,
    "x": [{"y": [1]}],
    "z": {},
}
ALIKE = {
    "one shape": [RECORD],
    "two shapes": [RECORD, {"id": "x"}],
    "other values": [
        RECORD,
        RECORD | {"id": None, "name": None, "x": [], "z": {"y": 7}, "a": RECORD["a"] | {"b": False}},
    ],
}


@pytest.mark.parametrize("records", ALIKE.values(), ids=ALIKE.keys())
@pytest.mark.parametrize("write", [{}, {"separators": (",", ":"), "ensure_ascii": False}, {"indent": 1}])
def test_usual_records_need_no_parser(records, write):
    texts = pl.Series([json.dumps(record, **write) for record in records * FEWEST])
    frames = list(alike(texts, PATHS))

    assert sorted(index for frame in frames for index in frame[INDEX]) == list(range(len(texts)))
    assert frames[0].row(0)[1:] == ("1.5", 'a"ä', "true", None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":1,"id":2}',
        '{"id":1,"a":{"b":1,"b":2}}',
        '{"id":1,"list":[1]}',
        '{"id":NaN}',
        '{"id":1} ]',
        '[{"id":1}]',
        '{"id":1,"x":' + "[" * 20 + "]" * 20 + "}",
        '{"id":1,' + ",".join(f'"n{n}":{n}' for n in range(300)) + "}",
    ],
)
def test_unusual_records_have_one_each(text):
    assert sum(map(len, alike(pl.Series([text] * 2 * FEWEST), PATHS))) == 0


def test_expressions_want_whole_records():
    assert list(alike(pl.Series(['{"id":1}'] * 2 * FEWEST), ["id", "a || b"])) == []
