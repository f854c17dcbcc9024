"""V1 to V13: awkward values through JSON and CSV: stored exactly, or a reject, and the rows around go in."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.declared import Dataset, Field, Mapping, Source
from ingest.files.delimited import LONGEST_RECORD
from ingest.normalize.judge import LONGEST_KEY
from ingest.page import CSV, JSON, Page
from tests.engine.rows import counts, declare, rows, run

MEGABYTE = 1024**2
DEEP = "[" * 100_000 + "]" * 100_000

# Type, text as it is sent, and what stands in the table as text, or the reason of the reject after "!".
TEXTS = [
    ("string", "nul \x00 in it", "!nul_in_text"),  # V1
    ("string", "\x00", "!nul_in_text"),
    ("json", '{"a": "\\u0000"}', "!nul_in_text"),
    ("json", '{"\\u0000": 1}', "!nul_in_text"),
    ("json", '"\\ud800"', "!lone_surrogate"),  # V2
    ("decimal", "NaN", "!not_a_number"),  # V3
    ("decimal", "-Infinity", "!not_a_number"),
    ("decimal", "inf", "!not_a_number"),
    ("float", "Infinity", "!not_a_number"),
    ("float", "1e400", "!out_of_range"),
    ("integer", "NaN", "!not_an_integer"),
    ("json", "[NaN]", "!not_json"),
    ("json", "-Infinity", "!not_json"),
    ("decimal", "1e400", "1" + "0" * 400),  # V4
    ("decimal", "1e200000", "!not_a_number"),
    ("decimal", "1e9999", "!out_of_range"),
    ("json", "[1e400]", "[1" + "0" * 400 + "]"),
    ("json", "[1e200000]", "!not_json"),
    ("integer", "9223372036854775807", "9223372036854775807"),  # V5
    ("integer", "9223372036854775808", "!out_of_range"),
    ("integer", "9007199254740993", "9007199254740993"),
    ("decimal", "9007199254740993", "9007199254740993"),
    ("decimal", "0.1", "0.1"),
    ("json", "[9007199254740993]", "[9007199254740993]"),
    ("integer", "7" * 5000, "!out_of_range"),  # V6
    ("decimal", "7" * 5000, "!out_of_range"),
    ("float", "7" * 5000, "!out_of_range"),
    ("json", "7" * 5000, "!not_json"),
    ("date", "10000-01-01", "!not_a_date"),  # V7
    ("date", "5874898-01-01", "!not_a_date"),
    ("date", "2024-02-30", "!not_a_date"),
    ("date", "infinity", "!not_a_date"),
    ("date", "today", "!not_a_date"),
    ("datetime", "epoch", "!not_a_time"),
    ("datetime", "294277-01-01T00:00:00Z", "!not_a_time"),
    ("datetime", "now", "!not_a_time"),
    ("datetime", "2016-12-31T23:59:60Z", "!not_a_time"),  # V9
    ("datetime", "2024-01-01T24:00:00Z", "!not_a_time"),
    ("datetime", "2024-W01-1T00:00:00Z", "!not_a_time"),
    ("date", "2024-W01", "!not_a_date"),
    ("datetime", "2024-01-01T00:00:00+14:00", "2023-12-31 10:00:00+00"),
    ("datetime", "2024-01-01T00:00:00-00:00", "2024-01-01 00:00:00+00"),
    ("datetime", "2024-01-01T00:00:00+24:00", "!not_a_time"),
    ("datetime", "2024-01-01T00:00:00+00:60", "!not_a_time"),
    ("decimal", "1.234,56", "!not_a_number"),
    ("decimal", "١٢٣", "!not_a_number"),
    ("integer", "١٢٣", "!not_an_integer"),
    ("integer", "1_000", "!not_an_integer"),
    ("decimal", "1_000.5", "!not_a_number"),
    ("float", "0x10", "!not_a_number"),
    ("date", "٢٠٢٤-01-01", "!not_a_date"),
    ("json", DEEP, "!not_json"),  # V11
    ("json", '{"a": 1, "a": 2}', "!repeated_name"),  # V12
    ("json", '[{"b": {"a": 1, "a": 1.0}}]', "!repeated_name"),
    ("json", '{"a": 1, "a": 1}', '{"a": 1}'),
]
# Values that only JSON can send, by the type and their literal.
LITERALS = [
    ("string", '"\\ud800"', "!lone_surrogate"),
    ("string", '"a \\udc00 b"', "!lone_surrogate"),
    ("string", '"\\ud83d\\ude00"', "😀"),
    ("string", "1e400", "1e400"),
    ("string", "true", "true"),
    ("string", "[1]", "!not_text"),
    ("decimal", "NaN", "!not_a_number"),
    ("decimal", "-Infinity", "!not_a_number"),
    ("decimal", "true", "!not_a_number"),
    ("decimal", "1e400", "1" + "0" * 400),
    ("float", "1e400", "!out_of_range"),
    ("integer", "7" * 5000, "!out_of_range"),
    ("integer", "9223372036854775808", "!out_of_range"),
    ("integer", "9007199254740993", "9007199254740993"),
    ("json", "[9007199254740993, 0.10]", "[9007199254740993, 0.10]"),
    ("json", '{"a": "\\ud800"}', "!lone_surrogate"),
    ("json", '{"a": 1, "a": 2}', "!repeated_name"),
    ("json", "[" * 99 + "]" * 99, "[" * 99 + "]" * 99),
    ("json", "[" * 101 + "]" * 101, "!too_deep"),
]


class Once:
    """A source of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def pull(self, http: object, positions: dict[str, Any]) -> Iterator[Page]:
        """The page."""
        yield self.page


def source(page: Page, type_name: str) -> Source:
    """A source whose records have a value of this type."""
    dataset = Dataset("values", (Field("value", type_name),))
    mapping = (Mapping("value", path="value", trim=False, nulls=()),)
    return Source("sent", dataset, "test", ("id",), mapping, Once(page).pull, max_reject_percent=100)


def json_page(literals: list[str]) -> Page:
    """Records with ids 0, 1, …, and these literals as values."""
    records = [f'{{"id": "{number}", "value": {literal}}}' for number, literal in enumerate(literals)]
    return Page(f"[{','.join(records)}]".encode(), JSON, {}, None)


def csv_page(cells: list[list[str]]) -> Page:
    """A slice of a CSV file with ids and values."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(cells)
    shape = {"header": ["id", "value"], "delimiter": ",", "quote": '"', "encoding": "utf-8"}
    place = {"file": "sent.csv", "offset": 0, "line": 1, "skip": 0}
    return Page(written.getvalue().encode(), CSV, shape | place, None)


def load(engine: Engine, page: Page, type_name: str) -> list[str]:
    """Run a source of the page; return the text or the reason of each record, in their order."""
    declared = source(page, type_name)
    declare(engine, declared)
    row = run(engine, declared)
    assert row["state"] == "succeeded"
    stored = rows(engine, "SELECT raw_index, value::text FROM values")
    refused = rows(engine, "SELECT raw_index, '!' || reason FROM rejects")
    assert len(stored) + len(refused) == row["fetched"]
    return [outcome for _, outcome in sorted(stored + refused)]


def of_type(type_name: str, cases: list[tuple[str, str, str]]) -> dict[str, str]:
    """What is sent and what must come of it."""
    return {sent: outcome for name, sent, outcome in cases if name == type_name}


TYPES = sorted({name for name, *_ in TEXTS})


@pytest.mark.parametrize("type_name", TYPES)
def test_texts_in_json(engine: Engine, type_name: str) -> None:
    cases = of_type(type_name, TEXTS)

    found = load(engine, json_page([json.dumps(sent) for sent in cases]), type_name)

    assert found == list(cases.values())


@pytest.mark.parametrize("type_name", TYPES)
def test_texts_in_csv(engine: Engine, type_name: str) -> None:
    cases = of_type(type_name, TEXTS)

    found = load(engine, csv_page([[str(number), sent] for number, sent in enumerate(cases)]), type_name)

    assert found == list(cases.values())


@pytest.mark.parametrize("type_name", sorted({name for name, *_ in LITERALS}))
def test_literals_in_json(engine: Engine, type_name: str) -> None:
    cases = of_type(type_name, LITERALS)

    found = load(engine, json_page(list(cases)), type_name)

    assert found == list(cases.values())


KEYS = ["a", "k" * LONGEST_KEY, "k" * (LONGEST_KEY + 1), "k" * 8192, "狗" * (LONGEST_KEY // 3 + 1), "z"]


@pytest.mark.parametrize("form", [JSON, CSV])
def test_long_keys(engine: Engine, form: str) -> None:
    """V10: an index row of PostgreSQL's holds 2,704 bytes, and 8,191 is the end of all indexes."""
    records = [{"id": key, "value": "x"} for key in KEYS]
    page = Page(json.dumps(records).encode(), JSON, {}, None)
    declared = source(page if form == JSON else csv_page([[key, "x"] for key in KEYS]), "string")
    declare(engine, declared)

    assert counts(run(engine, declared)) == {"fetched": 6, "inserted": 3, "rejected": 3}

    assert rows(engine, "SELECT DISTINCT reason FROM rejects") == [("key_too_long",)]
    assert rows(engine, "SELECT length(key) FROM values ORDER BY id") == [(1,), (LONGEST_KEY,), (1,)]


def test_ten_megabytes_in_json(engine: Engine) -> None:
    """V13: the row is a reject that shows its beginning; the raw page has it whole."""
    found = load(engine, json_page(['"a"', f'"{"x" * 10 * MEGABYTE}"', '"z"']), "string")

    assert found == ["a", "!too_long", "z"]
    assert rows(engine, "SELECT length(record) FROM rejects") == [(65_536,)]
    assert rows(engine, "SELECT size > 10000000 FROM raw_data") == [(True,)]


def test_ten_megabytes_in_csv(engine: Engine) -> None:
    cells = [["0", "a"], ["1", "x" * 10 * MEGABYTE], ["2", "y" * (LONGEST_RECORD - 100_000)], ["3", "z"]]
    page = csv_page(cells)
    declared = source(page, "string")
    declare(engine, declared)

    assert counts(run(engine, declared)) == {"fetched": 4, "inserted": 3, "rejected": 1}

    assert rows(engine, "SELECT reason, key FROM rejects") == [("record_too_long", None)]
    assert rows(engine, "SELECT length(value) FROM values ORDER BY key") == [(1,), (948_576,), (1,)]


ZONES = [
    # Skipped by daylight saving, doubled by it, and an ordinary one, in both hemispheres.
    ("Europe/Berlin", "2026-03-29T02:30:00", "!no_such_time"),
    ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25 00:30:00+00"),
    ("Europe/Berlin", "2026-07-01T02:30:00", "2026-07-01 00:30:00+00"),
    ("America/New_York", "2026-03-08T02:30:00", "!no_such_time"),
    ("America/New_York", "2026-11-01T01:30:00", "2026-11-01 05:30:00+00"),
    ("Australia/Lord_Howe", "2026-10-04T02:15:00", "!no_such_time"),
    ("Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04 14:45:00+00"),
]


@pytest.mark.parametrize(("zone", "sent", "expected"), ZONES)
def test_daylight_saving(engine: Engine, zone: str, sent: str, expected: str) -> None:
    """V8: a local time that does not exist is a reject; of one that comes twice, the first is meant."""
    dataset = Dataset("values", (Field("value", "datetime"),))
    mapping = (Mapping("value", path="value", zone=zone),)
    page = json_page([json.dumps(sent)])
    declared = Source("sent", dataset, "test", ("id",), mapping, Once(page).pull)
    declare(engine, declared)

    run(engine, declared)

    stored = rows(engine, "SELECT value::text FROM values")
    assert stored + rows(engine, "SELECT '!' || reason FROM rejects") == [(expected,)]


def test_naive_time_needs_a_zone(engine: Engine) -> None:
    """V8: a time without a zone is no instant."""
    assert load(engine, json_page(['"2026-07-01T02:30:00"']), "datetime") == ["!no_time_zone"]
