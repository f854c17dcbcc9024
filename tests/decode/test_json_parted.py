"""Lists that are parted without being parsed: what comes out is what a parser would find, or nothing."""

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import json_text
from ingest.json_parted import parted
from tests.decode.written import forms, odd, spaces, written


def texts(body, path=None):
    found = parted(body, path)
    return None if found is None else [str(text, "utf-8") for text in found]


@pytest.mark.parametrize(
    ("body", "path", "found"),
    [
        (b"[]", None, []),
        (b' [ {"a" : 1.10 } ,\n[2], "x,]" ] ', None, ['{"a" : 1.10 }', "[2]", '"x,]"']),
        ('["é😀"]'.encode(), None, ['"é😀"']),
        (b'{"data":[1,2],"next":"x"}', "data", ["1", "2"]),
        (b'{"next":[1,2],"data":[1,2]}', "next", ["1", "2"]),
        (b'{"a":{"b":[{"a":[]}]},"c":[]}', "a.b", ['{"a":[]}']),
        (b'{"data":[],"other":[]}', "data", []),
    ],
)
def test_list_is_parted(body, path, found):
    assert texts(body, path) == found


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", None),
        (b"{}", None),
        (b"[1] 2", None),
        (b"[1,]", None),
        (b"[01]", None),
        (b"[NaN]", None),
        (b'["\x01"]', None),
        (b'["\xff"]', None),
        (b'["\\ud800"]', None),
        (b"\xef\xbb\xbf[]", None),
        ("[1]".encode("utf-16"), None),
        (b"[" * 100_000, None),
        (b"[" * 100_000 + b"]" * 100_000, None),
        (b'{"data":[1]}', "rows"),
        (b'{"data":{"a":1}}', "data"),
        (b'{"data":null}', "data.rows"),
        (b'{"data":[1],"data":[2]}', "data"),
        (b'{"data":[1],"data":[1]}', "data"),
        (b'{"x":[1],"data":[1],"x":NaN}', "data"),
        (b'{"x":[1],"data":[1]}', "data"),
        (b'{"data":[1]}', "data[]"),
        (b'{"data":[1]}', "data || rows"),
    ],
)
def test_whatever_is_odd_has_to_be_parsed(body, path):
    assert parted(body, path) is None


@st.composite
def bodies(draw):
    """Lists of objects, with something odd among them now and then, and cut or changed anywhere."""
    form = draw(forms)
    records = draw(st.lists(written(form) | odd, max_size=4))
    path, before, after = draw(
        st.sampled_from([(None, "[", "]"), ("a", '{"a":[', "]}"), ("a.b", '{"a":{"c":[1],"b":[', "]}}")])
    )
    body = (draw(spaces) + before + ",".join(records) + after + draw(spaces)).encode()
    at, length = draw(st.integers(0, len(body))), draw(st.integers(0, 2))
    put = draw(st.sampled_from([b"", b"", b'"', b",", b"]", b"\xff", b'"a":[],', b"\\"]))
    return body[:at] + put + body[at + length :], path


@settings(deadline=None, max_examples=500)
@given(bodies())
def test_what_is_parted_is_what_a_parser_finds(given_body):
    body, path = given_body
    found = texts(body, path)

    if found is not None:
        document = json_text.parse(body)
        assert list(map(json_text.parse, found)) == (jmespath.search(path, document) if path else document)
