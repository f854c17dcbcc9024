"""F13: replies of an API that are JSON of a strange sort, or none, through whole runs."""

import json

import pytest

from tests.engine.rows import rows
from tests.faults.whole_run import Api, counts, items, raw_bytes
from tests.upstream import Play, upstream

GOOD = b'{"id":1,"name":"a","price":1}'


@pytest.fixture
def server():
    with upstream(Play()) as running:
        yield running


def run(engine, server, body, **options):
    """The row of a run whose only reply has this body."""
    server.steps = [Play(200, body, {"Content-Type": "application/json"})]
    return Api(engine, server.url + "/things", **options).run()


REFUSED = {
    "scalar": b"7",
    "null": b"null",
    "text": b'"a"',
    "object": GOOD,
    "NDJSON": GOOD + b"\n" + GOOD + b"\n",
    "concatenated": b"[" + GOOD + b"][" + GOOD + b"]",
    "trailing comma": b"[" + GOOD + b",]",
    "trailing comma in an object": b'[{"id":1,"name":"a",}]',
    "comment": b"[" + GOOD + b"] // all",
    "single quotes": b"[{'id':1,'name':'a'}]",
    "names without quotes": b'[{id:1,"name":"a"}]',
    "cut off": b"[" + GOOD + b",",
    "garbage behind": b"[" + GOOD + b"]\x00",
    "bad UTF-8": b'[{"id":1,"name":"\xff"}]',
    "line end in a text": b'[{"id":1,"name":"a\n"}]',
    "nothing": b"",
    "blank": b" \n",
    "mark alone": b"\xef\xbb\xbf",
    "depth": b"[" * 50_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_list_of_records_fails(engine, server, body):
    """Nothing of it is loaded, for a half of it would look like all of it."""
    row = run(engine, server, body)

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "reply", {})
    assert f"GET {server.url}/things: status 200, but the reply" in row["error_message"]
    assert items(engine) == {}


TAKEN = {
    "as usual": b"[" + GOOD + b"]",
    "byte order mark": b"\xef\xbb\xbf[" + GOOD + b"]",
    "UTF-16": ("[" + GOOD.decode() + "]").encode("utf-16"),
    "UTF-32 without mark": ("[" + GOOD.decode() + "]").encode("utf-32-be"),
    "white space": b"\n\t [ " + GOOD.replace(b":", b" :\r\n") + b" ] \n",
    "escapes": b'[{"\\u0069d":"\\u0031","name":"\\u0061","price":1}]',
    "name twice, equally": b'[{"id":1,"id":1,"name":"a","price":1}]',
    "name twice, not asked for": b'[{"id":1,"name":"a","price":1,"x":1,"x":2}]',
    "exponent": b'[{"id":1,"name":"a","price":10.0e-1}]',
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN.keys())
def test_what_is_json_is_taken(engine, server, body):
    row = run(engine, server, body)

    assert counts(row) == {"fetched": 1, "inserted": 1}
    assert items(engine) == {"1": ("a", 1, None)}
    assert raw_bytes(engine, row["id"]) == body


BAD_RECORDS = {
    b"7": "not_an_object",
    b"null": "not_an_object",
    b"[]": "not_an_object",
    b"{}": "missing_key",
    b'{"id":2,"id":3,"name":"b"}': "repeated_name",
    b'{"id":2,"name":"b","name":"c"}': "repeated_name",
    b'{"id":2,"name":"b\\u0000"}': "nul_in_text",
    b'{"id":2,"name":"\\ud800"}': "lone_surrogate",
    b'{"id":"\\ud800","name":"b"}': "bad_key",
    b'{"id":2,"name":"b","price":NaN}': "not_a_number",
    b'{"id":2,"name":"b","price":-Infinity}': "not_a_number",
    b'{"id":2,"name":"b","price":1e99999}': "not_a_number",
    b'{"id":2,"name":"b","price":' + b"9" * 5000 + b"}": "out_of_range",
    b'{"id":2,"name":["b"]}': "not_text",
    b'{"id":{},"name":"b"}': "bad_key",
}


@pytest.mark.parametrize(("record", "reason"), BAD_RECORDS.items(), ids=lambda value: str(value)[:40])
def test_bad_record_is_set_aside_alone(engine, server, record, reason):
    body = b"[" + GOOD + b"," + record + b',{"id":9,"name":"z"}]'
    row = run(engine, server, body)

    assert counts(row) == {"fetched": 3, "inserted": 2, "rejected": 1}
    assert rows(engine, "SELECT reason, position FROM rejects") == [(reason, "page 1, record 2")]
    assert raw_bytes(engine, row["id"]) == body


def test_list_that_is_there_twice_fails(engine, server):
    """Half of the records would be lost in silence."""
    row = run(engine, server, b'{"data":[' + GOOD + b'],"data":[]}', records="data")

    assert (row["state"], row["error_kind"]) == ("failed", "reply")
    assert "RepeatedName" in row["error_message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'[{"note":[' + b"1," * 100_000 + b"1]}]", "holds 100004 values"),
        (b"[" + b"1," * 50_000 + b"1]", "holds 50001 records"),
    ],
    ids=["values", "records"],
)
def test_reply_is_too_dense(engine, server, body, said):
    """Parsed, it would take a hundred times its bytes; tests/proofs/memory.py measures it."""
    row = run(engine, server, body, max_body=1024**2)

    assert (row["state"], row["error_kind"], counts(row)) == ("failed", "reply", {})
    assert said in row["error_message"]
    assert "Ask for smaller pages" in row["error_message"]
    assert len(server.journal) == 1


def test_long_list_of_an_ordinary_api(engine, server):
    """The bounds leave room for what a reply of that size holds."""
    many = 4000
    listed = [{"id": n, "name": f"thing {n}", "price": n / 4, "note": "x" * 150} for n in range(many)]

    assert counts(run(engine, server, json.dumps(listed).encode(), max_body=1024**2))["inserted"] == many
