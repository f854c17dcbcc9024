"""Whatever is accepted, PostgreSQL takes; whatever it would refuse is a reject, and its neighbours stay."""

import random

import pytest

from ingest.declared import Dataset, Field
from ingest.normalize.constraints import LONGEST_INDEXED, LONGEST_TEXT
from ingest.normalize.documents import DEEPEST_JSON
from ingest.normalize.fields import TYPES
from ingest.normalize.numbers import MOST_DIGITS
from tests.engine.rows import Script, counts, declare, rows, run, thing_source

# What cannot be compressed: PostgreSQL compresses before it measures an index row.
NOISE = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=10_000))

ACCEPTED = {
    "string": ["", "x" * LONGEST_TEXT, "狗" * LONGEST_TEXT, "\t\n\r\\N\\.", "\U0010ffff", "\x01\x7f\x85"],
    "integer": ["0" * 5000, "9223372036854775807", "-9223372036854775808", "+7.000"],
    "decimal": [
        "9" * MOST_DIGITS,
        "1." + "9" * (MOST_DIGITS - 1),
        f"1e{MOST_DIGITS}",
        f"-{'9' * MOST_DIGITS}e-{MOST_DIGITS}",
        f"1e-{MOST_DIGITS}",
        "0e9999",
        "-0e-9999",
        "0" * 5000,
        "0." + "0" * 20_000,
    ],
    "float": ["1.7976931348623157e308", "-5e-324", "2.2250738585072014e-308", "1e-9999", "0" * 5000, "-0.0"],
    "boolean": ["YES", "off"],
    "date": ["0001-01-01", "9999-12-31", "2024-02-29"],
    "datetime": [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01T23:59:00+23:59",
    ],
    "json": [
        "9" * MOST_DIGITS,
        f"1e{MOST_DIGITS}",
        f"1.{'9' * 900}e-{MOST_DIGITS}",
        "[" * (DEEPEST_JSON - 1) + "]" * (DEEPEST_JSON - 1),
        '{"": null, "\\\\t": "\\t\\n\\u0001", "a": {"狗": [true]}}',
        '"' + "x" * (LONGEST_TEXT - 2) + '"',
        "[" + ",".join(["1"] * 400_000) + "]",
    ],
    "uuid": ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"],
}
REFUSED = {
    "string": ["nul\x00", "x" * (LONGEST_TEXT + 1)],
    "integer": ["9223372036854775808", "9" * 5000],
    "decimal": ["9" * 131_073, "1e9999", "1e-9999", "0." + "1" * 16_384, "NaN", "Infinity"],
    "float": ["1.8e308", "9" * 5000, "nan", "-inf"],
    "boolean": ["2"],
    "date": ["0000-01-01", "10000-01-01", "2023-02-29", "infinity", "today", "-4713-01-01"],
    "datetime": ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "now"],
    "json": ["1e131072", "0." + "0" * 16_384, '"\\u0000"', '"\\ud800"', "[" * 200 + "]" * 200, "NaN", "["],
    "uuid": ["{00000000-0000-0000-0000-000000000000}", "0" * 32],
}


def load(engine, type_name, texts, **options):
    """Run a source of these values; return the row of the run."""
    dataset = Dataset("extremes", (Field("value", type_name, **options),))
    records = [{"id": str(number), "value": text} for number, text in enumerate(texts)]
    source = thing_source(Script([records]), dataset=dataset)
    declare(engine, source)
    return run(engine, source)


@pytest.mark.parametrize("type_name", TYPES)
def test_extremes_arrive(engine, type_name):
    texts = ACCEPTED[type_name]

    assert counts(load(engine, type_name, texts)) == {"fetched": len(texts), "inserted": len(texts)}


@pytest.mark.parametrize("type_name", TYPES)
def test_beyond_is_set_aside(engine, type_name):
    texts = REFUSED[type_name]

    row = load(engine, type_name, texts)

    assert (row["state"], counts(row)) == ("succeeded", {"fetched": len(texts), "rejected": len(texts)})


@pytest.mark.parametrize(
    ("type_name", "fits", "beyond"),
    [
        ("string", NOISE[:LONGEST_INDEXED], NOISE),
        ("string", NOISE[:LONGEST_INDEXED], NOISE[: LONGEST_INDEXED + 1]),
        ("string", "狗" * (LONGEST_INDEXED // 3), "狗" * (LONGEST_INDEXED // 3 + 1)),
        ("json", "[" + ",".join("123456789"[n % 9] for n in range(129)) + "]", f'["{NOISE}"]'),
        ("decimal", "7" * MOST_DIGITS, "7" * (MOST_DIGITS + 1)),
    ],
    ids=["noise", "one more", "wide letters", "json", "decimal"],
)
def test_index_rows_fit(engine, type_name, fits, beyond):
    """An index row has at most 2,704 bytes; a longer value would end the whole page."""
    row = load(engine, type_name, [fits, beyond], index=True)

    assert counts(row) == {"fetched": 2, "inserted": 1, "rejected": 1}
    assert rows(engine, "SELECT field FROM rejects") == [("value",)]
