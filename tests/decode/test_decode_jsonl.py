"""Slices of JSON lines: a line is a record or a reject, and never stops those around it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import decode
from ingest.files.delimited import LONGEST_RECORD
from ingest.page import JSONL, NOT_TEXT, Page
from tests.kinds.pulling import source

GOOD = b'{"id":1,"name":"a"}'


def frame(body, paths=("id", "name"), **request):
    place = {"file": "a.jsonl", "offset": 0, "line": 1, "skip": 0}
    return decode(Page(body, JSONL, place | request, None), source(list(paths)))


@pytest.mark.parametrize(
    ("literal", "cell"),
    [
        ("1.10", "1.10"),
        ("12345678901234567890.5", "12345678901234567890.5"),
        ("1e-12", "1e-12"),
        ("-0", "-0"),
        ("9" * 5000, "9" * 5000),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('"null"', "null"),
        ('""', ""),
        ('"1.0"', "1.0"),
        ('"é\\u0000"', "é\x00"),
        ('"\\"\\\\\\/"', '"\\/'),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d"', NOT_TEXT),
        ("[]", NOT_TEXT),
        ('{"a": 1}', NOT_TEXT),
    ],
)
def test_cells(literal, cell):
    found = frame(f'{{"id": {literal}}}\n{{}}\n{{"id":{literal},"name":"a"}}'.encode())

    assert found.cells.rows() == [(cell, None), (None, None), (cell, "a")]
    assert found.rejects == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not_json"),
        (b'{"id":1,}', "not_json"),
        (b'{"id":01}', "not_json"),
        (b"{'id':1}", "not_json"),
        (b'{"id":1}{"id":2}', "not_json"),
        (b'{"id":1} x', "not_json"),
        (b'{"id":"\t"}', "not_json"),
        (b'{"id":"\x00"}', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"\x0b", "not_json"),
        (b"{\x00}\x00", "not_json"),
        (b'{"id":"\xff"}', "bad_encoding"),
        (b'{"id":"\xed\xa0\x80"}', "bad_encoding"),
        (b"7", "not_an_object"),
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'{"id":1,"id":2}', "repeated_name"),
        (b'{"id":{"a":1,"a":2}}', "repeated_name"),
        (b"[" * 100_000, "too_deep"),
        (b'{"id":' + b"[" * 300 + b"]" * 300 + b"}", "too_deep"),
        (b'{"id":"' + b"x" * LONGEST_RECORD + b'"}', "record_too_long"),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_bad_line_is_set_aside_alone(line, reason, end):
    found = frame(GOOD + end + line + end + end + GOOD, line=7)
    (reject,) = found.rejects

    assert found.index.to_list() == [0, 2]
    assert found.cells.rows() == [("1", "a"), ("1", "a")]
    assert (reject.index, reject.reason, reject.position) == (1, reason, "a.jsonl line 8")
    assert found.record(1).position == "a.jsonl line 10"


@pytest.mark.parametrize(
    "line", [b'{"id":1,"id":1,"name":"a"}', b'{"id":1,"name":"a","x":1,"x":2}', b' {"id":1,\r"name":"a"}\t']
)
def test_odd_line_is_a_record(line):
    assert frame(line).cells.rows() == [("1", "a")]


def test_message_says_where():
    bad = frame(GOOD + b'\n \t{"id":"\xc3\xa4\xff"}\n{"id" 1}', offset=100, skip=0)

    assert [reject.message for reject in bad.rejects] == [
        "byte 0xff at offset 131 of the file is not utf-8",
        "is not JSON: Expecting ':' delimiter at character 7",
    ]
    assert bad.rejects[0].record == '{"id":"ä\\xff"}'


@pytest.mark.parametrize("blank", [b"", b"\n", b"\r\n \t\r\n", b"\n\n"])
def test_blank_lines_are_none(blank):
    found = frame(blank + b"\n" + GOOD + b"\n" + blank)

    assert (found.index.to_list(), found.records) == ([0], 1)


def test_paths_are_jmespath():
    found = frame(b'{"a":{"b":1.50},"tags":["x","y"]}\n{"a":7}', ["a.b", "tags[1]"])

    assert found.cells.rows() == [("1.50", "y"), (None, None)]


def test_record_is_its_line():
    line = '{"name": "ä",  "id": 1.0}'
    found = frame(f"\n {line}\r\n".encode())

    assert found.record(0).text == line
    assert found.record(0).values == {"id": "1.0", "name": "ä"}


def test_own_text_is_cut():
    found = frame(b'{"id":"' + b"x" * 100_000 + b'"}')

    assert len(found.record(0).text) == 65_536


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(max_size=12) | st.sampled_from([GOOD, b"{}", b"", b"\r"]), max_size=8))
def test_every_line_has_one_outcome(lines):
    """Whatever the bytes: a record, a reject, or blank; and the numbers of both together leave no gap."""
    lines = [line.replace(b"\n", b"") for line in lines]
    found = frame(b"\n".join(lines))
    held = [number for number, line in enumerate(lines, 1) if line.strip(b" \t\r")]

    numbered = {reject.index: reject.position for reject in found.rejects}
    numbered |= {index: found.record(row).position for row, index in enumerate(found.index)}
    assert [numbered[index] for index in range(found.records)] == [f"a.jsonl line {n}" for n in held]
