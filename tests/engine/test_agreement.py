"""The fast path accepts only what marshmallow accepts, with equal values."""

from datetime import UTC, datetime

import marshmallow
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.declared import Field, Mapping
from ingest.normalize.accept import first_of
from ingest.normalize.constraints import bound, satisfied, validators
from ingest.normalize.fields import TYPES

digits = st.text("0123456789", min_size=1, max_size=22)
numbers = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=True).map(repr),
    st.decimals(allow_nan=True).map(str),
    st.builds("{}.{}".format, digits, digits),
    st.builds("-{}.{}".format, digits, digits),
    st.sampled_from(
        ["0", "-0", "-0.0", "00", "1.", ".5", "+1", "1e400", "1e-12", "1,234", "1.234,5", "١٢", "1_0"]
    ),
    st.sampled_from(["0" * 5000, "-" + "0" * 5000 + "7", "9" * 5000, "0.25", "1.5", "1.234.567,25", ",5"]),
)
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001  # texts of all kinds
times = st.one_of(
    moments.map(lambda moment: moment.isoformat()),
    moments.map(lambda moment: moment.isoformat() + "Z"),
    moments.map(lambda moment: moment.isoformat(" ") + "+00:00"),
    moments.map(lambda moment: moment.strftime("%d-%m-%Y %H:%M:%S")),
    moments.map(lambda moment: moment.date().isoformat()),
    st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)?", fullmatch=True
    ),
    st.sampled_from(
        ["2026-03-29T02:30:00", "2026-10-25T02:30:00", "2026-01-01T24:00:00Z", "0000-01-01T00:00:00Z"]
    ),
)
texts = st.one_of(st.text(max_size=12), st.text("ab\t\n\\\r\x00", max_size=8))
uuids = st.one_of(st.uuids().map(str), st.uuids().map(lambda value: str(value).upper()), texts)
booleans = st.sampled_from(["true", "false", "True", "yes", "0", "1", "maybe", ""])

CASES = [
    ("string", texts, {}, {}),
    ("string", texts, {"max_length": 5, "pattern": "[a-z]+"}, {}),
    ("string", texts, {"one_of": ("a", "b")}, {}),
    ("integer", numbers, {}, {}),
    ("integer", numbers, {"min": "0", "max": "100"}, {}),
    ("integer", numbers, {}, {"decimal_comma": True}),
    ("decimal", numbers, {}, {}),
    ("decimal", numbers, {"min": "0", "max": "1.5"}, {}),
    ("decimal", numbers, {}, {"decimal_comma": True}),
    ("decimal", numbers, {}, {"money": True}),
    ("float", numbers, {}, {}),
    ("float", numbers, {"min": "-0.5"}, {}),
    ("float", numbers, {}, {"decimal_comma": True}),
    ("boolean", booleans, {}, {}),
    ("date", times, {}, {}),
    ("date", times, {"min": "2000-01-01"}, {}),
    ("datetime", times, {}, {}),
    ("datetime", times, {}, {"zone": "UTC"}),
    ("datetime", times, {}, {"zone": "Europe/Berlin"}),
    ("datetime", times, {}, {"zone": "Europe/Berlin", "format": "%d-%m-%Y %H:%M:%S"}),
    ("datetime", numbers, {}, {"format": "epoch"}),
    ("datetime", numbers, {}, {"format": "epoch_ms"}),
    ("uuid", uuids, {}, {}),
]


def slow(text: str, field: Field, mapping: Mapping) -> str | None:
    """The canonical text of what marshmallow makes of it; None when it refuses."""
    kind = TYPES[field.type]
    order = kind.field(Mapping(field.name)).parse if field.type in ("date", "datetime") else bound(field.type)
    checks = validators(field, order)
    try:
        return kind.text(kind.field(mapping, required=True, validate=checks).deserialize(text))
    except marshmallow.ValidationError:
        return None


def outcome(text: str, type_name: str, **options) -> str:
    """The canonical text, or the code of the refusal."""
    kind = TYPES[type_name]
    try:
        return kind.text(kind.field(Mapping("f", path="f", **options)).deserialize(text))
    except marshmallow.ValidationError as error:
        return error.messages[0].code


@pytest.mark.parametrize(("type_name", "values", "limits", "options"), CASES)
def test_fast_path_agrees(type_name, values, limits, options):
    """Whatever the bulk check accepts, marshmallow accepts with the same value."""
    field, mapping = Field("f", type_name, **limits), Mapping("f", path="f", **options)

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(st.lists(values, min_size=1, max_size=8))
    def check(cells):
        text = pl.Series("f", cells, dtype=pl.String)
        ways = TYPES[type_name].fast(pl.col("f"), field, mapping)
        canonical = text.to_frame().with_columns(first_of(ways).alias("f"))
        fits = canonical.select(satisfied(pl.col("f"), field).fill_null(False)).to_series()
        for cell, fast, accepted in zip(cells, canonical["f"], fits, strict=True):
            if accepted:
                assert fast == slow(cell, field, mapping), cell

    check()


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("$87,000", {"money": True}, "87000"),
        ("4800 USD", {"money": True}, "4800"),
        ("$1.7T", {"money": True}, "1700000000000"),
        ("600B", {"money": True}, "600000000000"),
        ("-$2.50", {"money": True}, "-2.5"),
        ("€1.234,56", {"money": True, "decimal_comma": True}, "1234.56"),
        ("1.234,56", {"decimal_comma": True}, "1234.56"),
        ("1.234.567", {"decimal_comma": True}, "1234567"),
        ("0,25", {"decimal_comma": True}, "0.25"),
        (",5", {"decimal_comma": True}, "0.5"),
        ("-1234,", {"decimal_comma": True}, "-1234"),
        ("1,5e3", {"decimal_comma": True}, "1500"),
        ("1,5k", {"decimal_comma": True, "money": True}, "1500"),
        ("1.5", {"decimal_comma": True}, None),
        ("0.25", {"decimal_comma": True}, None),
        ("1.2345", {"decimal_comma": True}, None),
        ("1234.567", {"decimal_comma": True}, None),
        ("1,234.5", {"decimal_comma": True}, None),
        ("1,2,3", {"decimal_comma": True}, None),
        (",", {"decimal_comma": True}, None),
        ("€2.50", {"decimal_comma": True, "money": True}, None),
        ("1e-12", {}, "0.000000000001"),
        ("0e9999", {}, "0"),
        ("12345678901234567890.10", {}, "12345678901234567890.1"),
        ("0", {}, "0"),
        ("1,234", {}, None),
        ("NaN", {}, None),
        ("Infinity", {}, None),
        ("invalid_price", {"money": True}, None),
    ],
)
def test_reads_numbers_people_write(text, options, expected):
    assert slow(text, Field("f", "decimal"), Mapping("f", path="f", **options)) == expected


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("2026-05-18T12:49:21.599Z", {}, datetime(2026, 5, 18, 12, 49, 21, 599000, UTC)),
        ("2013-04-28 00:00:00 UTC", {}, datetime(2013, 4, 28, tzinfo=UTC)),
        ("2026-01-01T00:00:00+14:00", {}, datetime(2025, 12, 31, 10, tzinfo=UTC)),
        ("1700000000", {"format": "epoch"}, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000123", {"format": "epoch_ms"}, datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)),
        (
            "05-12-2025 17:43:10",
            {"format": "%d-%m-%Y %H:%M:%S", "zone": "UTC"},
            datetime(2025, 12, 5, 17, 43, 10, tzinfo=UTC),
        ),
        ("2026-10-25T02:30:00", {"zone": "Europe/Berlin"}, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29T02:30:00", {"zone": "Europe/Berlin"}, None),
        ("2026-01-01T00:00:00", {}, None),
        ("2026-02-30T00:00:00Z", {}, None),
        ("infinity", {}, None),
    ],
)
def test_reads_times(text, options, expected):
    canonical = slow(text, Field("f", "datetime"), Mapping("f", path="f", **options))

    assert canonical == (expected and expected.isoformat(timespec="microseconds"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0" * 5000, "0"),
        ("-" + "0" * 5000 + "7.0", "-7"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "out_of_range"),
        ("9" * 5000, "out_of_range"),
        ("1e3", "not_an_integer"),
    ],
)
def test_reads_integers_of_any_length(text, expected):
    assert outcome(text, "integer") == expected


@pytest.mark.parametrize("form", ["epoch", "epoch_ms"])
@pytest.mark.parametrize("text", ["9" * 5000, "9" * 1_000_001, "1e9999", "-1e16"])
def test_refuses_endless_epochs(text, form):
    assert outcome(text, "datetime", format=form) == "not_a_time"


@pytest.mark.parametrize("text", ["0" * 5000, "0e9999", "0." + "0" * 5000 + "1"])
def test_reads_long_zero_epochs(text):
    assert outcome(text, "datetime", format="epoch") == "1970-01-01T00:00:00.000000+00:00"


@pytest.mark.parametrize("number", ["9" * 20_000, "1." + "0" * 20_000, "1e2000", "0e9999"])
def test_refuses_endless_json_numbers(number):
    assert outcome(f'{{"n": [{number}]}}', "json") == "not_json"
