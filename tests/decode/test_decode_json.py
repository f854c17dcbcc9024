"""Pages of JSON: values by path, by their literal text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import json_text
from ingest.decode import decode
from ingest.decode.json_record import finders, plain
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

    assert found.index == [1]
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
    assert found.index == [1]


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


@st.composite
def lists(draw):
    """Records of one form, and now and then something odd among them."""
    form = draw(forms)
    records = draw(st.lists(written(form), min_size=1, max_size=5))
    if draw(st.booleans()):
        records.append(draw(st.sampled_from(['{"id":NaN}', '{"id":{"a":1,"a":2}}', "[]", "null"])))
    return records


@settings(deadline=None, max_examples=200)
@given(lists(), st.sampled_from(["length(name)", "list[0]", "a || id"]))
def test_columns_agree(records, expression):
    """A record that is no object makes the page one to be read record by record."""
    paths = [*PATHS, expression]
    by_columns = frame(f"[{','.join(records)}]", paths)
    one_by_one = frame(f"[{','.join(records)},7]", paths)

    assert one_by_one.rejects.pop().reason == "not_an_object"
    assert by_columns.rejects == one_by_one.rejects
    assert by_columns.index == one_by_one.index
    assert by_columns.cells.equals(one_by_one.cells)
    for row in range(len(by_columns.index)):
        assert by_columns.record(row).values == one_by_one.record(row).values


def test_odd_records_leave_the_others_in_bulk():
    records = json_text.parse('[{"id": 1}, ["id"], {"id": {"a": 1}}, {"id": null}, 7, {"id": "x"}]')

    [bulk] = plain(records, finders(["id"]))

    assert bulk.rows() == [(0, "1"), (3, None), (5, "x")]
