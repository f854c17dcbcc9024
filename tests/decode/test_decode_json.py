"""Pages of JSON: values by path, by their literal text."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import decode, decode_together, joined
from ingest.decode.json_alike import FEWEST
from ingest.errors import SourceBroken
from ingest.page import JSON, NOT_TEXT, Page
from tests.decode.written import PATHS, forms, written
from tests.kinds.pulling import source


def frame(body, paths, records=None):
    return decode(Page(body.encode(), JSON, {"page": 3}, None), source(paths, records))


@pytest.mark.parametrize(
    ("literal", "cell"),
    [
        ("1.10", "1.10"),
        ("12345678901234567890.123", "12345678901234567890.123"),
        ("1e-12", "1e-12"),
        ("-0", "-0"),
        ("NaN", "NaN"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('""', ""),
        ('"é\\u0000"', "é\x00"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d"', NOT_TEXT),
        ("[]", NOT_TEXT),
        ('{"a": 1}', NOT_TEXT),
    ],
)
def test_cells(literal, cell):
    found = frame(f'[{{"id": {literal}}}, {{}}]', ["id"])

    assert found.cells.rows() == [(cell,), (None,)]
    assert found.rejects == []


@pytest.mark.parametrize("path", ["a.b", "a.b | @"])
def test_nested_paths(path):
    found = frame('[{"a": {"b": 1.50}}, {"a": null}, {"a": [1]}, {"a": "x"}]', [path])

    assert found.cells[path].to_list() == ["1.50", None, None, None]


def test_expressions():
    found = frame('[{"tags": ["x", "y"], "q": [{"p": 2.0}]}]', ["tags[0]", "length(tags)", "q[?p].p | [0]"])

    assert found.cells.rows() == [("x", "2", "2.0")]


def test_record_looks_back():
    found = frame('{"data": [7, {"id": 1.0, "tags": ["x"]}]}', ["id", "tags"], "data")
    record = found.record(0)

    assert found.index.to_list() == [1]
    assert record.values == {"id": "1.0", "tags": ["x"]}
    assert record.position == "page 3, record 2"
    assert record.text == '{"id":1.0,"tags":["x"]}'


@pytest.mark.parametrize("literal", ["1", '"x"', "null", "[1]", "true"])
def test_not_an_object(literal):
    found = frame(f'[{{"id": 1}}, {literal}]', ["id"])
    (reject,) = found.rejects

    assert found.cells.rows() == [("1",)]
    assert (reject.index, reject.reason, reject.position) == (1, "not_an_object", "page 3, record 2")
    assert reject.record == literal


def test_too_deep():
    deep = "[" * 300 + "]" * 300
    found = frame(f'[{{"id": 1, "x": {deep}}}, {{"id": 2, "x": [1]}}]', ["id", "x"])

    assert [reject.reason for reject in found.rejects] == ["too_deep"]
    assert found.index.to_list() == [1]


@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_nearly_too_deep_for_the_parser(before):
    """How deep that is depends on who asks: the record, or the reply, is told to be too deep."""
    told = set()
    for depth in range(700, 1000):
        try:
            found = frame(f'{before}[{{"id":1,"x":{"[" * depth}{"]" * depth}}}]', ["id"])
            told |= {(len(found.index), reject.reason) for reject in found.rejects} or {"good"}
        except SourceBroken as error:
            told.add(error.kind)

    assert {"good", "reply"} <= told <= {"good", "reply", (0, "too_deep")}


def test_own_text_of_the_deepest():
    deep = '{"a":' * 450 + "1" + "}" * 450
    found = frame(f'[{{"id": 1, "x": {deep}}}]', ["id"])

    assert found.record(0).text


def test_own_text_is_cut():
    found = frame(f'[{{"id": "{"x" * 100_000}"}}]', ["id"])

    assert len(found.record(0).text) == 65_536


def test_no_records():
    found = frame("[]", ["id"])

    assert found.records == 0
    assert found.cells.columns == ["id"]


def test_path_that_does_not_fit():
    found = frame('[{"id": 1}, {"id": 2, "tags": ["x"]}, {"id": 3, "tags": 7}]', ["id", "length(tags)"])

    assert found.cells.rows() == [("2", "1")]
    assert [(reject.index, reject.reason) for reject in found.rejects] == [(0, "bad_path"), (2, "bad_path")]
    assert found.rejects[0].message == "length(tags) does not fit the record: JMESPathTypeError"


PATHS_TO_THE_LIST = [
    (None, "[", "]"),
    ("data", '{"page":1,"data":[', '],"next":null}'),
    ("data.items", '{"data" : {"items" : [', ' ], "many": 7}}'),
    ("data[]", '{"data":[', "]}"),
    ("@", "[", "]"),
]
BYTE_ORDER_MARK = "\ufeff"


@st.composite
def lists(draw):
    """Records of one form, and now and then something odd among them."""
    form = draw(forms)
    records = draw(st.lists(written(form), min_size=1, max_size=5))
    if draw(st.booleans()):
        records.append(draw(st.sampled_from(['{"id":NaN}', '{"id":{"a":1,"a":2}}', "[]", "null"])))
    return records


def outcome(found):
    """All that a frame says of its records."""
    looked_up = [found.record(row) for row in range(len(found.index))]
    records = [(record.values, record.position, record.text) for record in looked_up]
    return found.index.to_list(), found.cells.rows(), found.rejects, records


@settings(deadline=None, max_examples=200)
@given(lists(), st.sampled_from(PATHS_TO_THE_LIST), st.sampled_from(["id", "length(name)", "list[0]"]))
def test_both_ways_agree(records, wrapped, expression):
    """A body that begins with a mark has to be parsed to be parted; often enough for the bulk way."""
    path, before, after = wrapped
    body = before + ",".join(records * (2 * FEWEST // len(records) + 1)) + after

    found = frame(body, [*PATHS, expression], path)

    assert outcome(found) == outcome(frame(BYTE_ORDER_MARK + body, [*PATHS, expression], path))


@settings(deadline=None, max_examples=100)
@given(st.lists(lists(), min_size=2, max_size=4), st.booleans())
def test_pages_together_are_pages_one_by_one(bodies, odd):
    marks = [BYTE_ORDER_MARK * odd, *[""] * (len(bodies) - 1)]
    pages = [
        Page(f"{mark}[{','.join(records)}]".encode(), JSON, {"page": number}, None)
        for number, (mark, records) in enumerate(zip(marks, bodies, strict=True), 1)
    ]
    alone = [decode(page, source(PATHS)) for page in pages]

    found, starts = decode_together(pages, source(PATHS))

    assert [end - start for start, end in pairwise([*starts, found.records])] == list(map(len, bodies))
    assert outcome(found) == outcome(joined(alone)[0])
