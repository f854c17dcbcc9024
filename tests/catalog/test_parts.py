"""How a source declares its parts, and what is said about one that declares them wrong."""

import pytest
import yaml

from ingest.catalog import load
from ingest.errors import ConfigInvalid

DATASET = {"fields": {"symbol": "string"}}
FILE = {"kind": "csv_file", "options": {"path": "*.csv"}}
API = {"kind": "http_json", "options": {"url": "https://api.example.com/x", "params": {"a": "1"}}}
WINDOWS = {"by": "windows", "from_param": "from", "to_param": "to", "start": "2026-01-01", "step": "1d"}
VALUES = {"by": "values", "param": "symbol", "values": ["BTC", 7]}


def loaded(folder, what, parts, **options):
    """The one source of a catalogue, with these parts."""
    for name in ("datasets", "sources"):
        (folder / name).mkdir()
    source = {**what, "options": {**what["options"], **options}, "parts": parts, "dataset": "things"}
    source |= {"key": "id", "fields": {"symbol": "symbol"}}
    (folder / "datasets" / "things.yaml").write_text(yaml.safe_dump(DATASET))
    (folder / "sources" / "shop.yaml").write_text(yaml.safe_dump(source))
    return load(folder, {}, files_root=folder).sources["shop"]


@pytest.mark.parametrize(
    ("what", "parts"),
    [
        (FILE, {"by": "files"}),
        (FILE, {"by": "bytes"}),
        (FILE, {"by": "bytes", "size": "1GB", "pullers": 3}),
        (API, VALUES),
        (API, WINDOWS),
        (API, {**WINDOWS, "start": "2026-01-01T00:00:00Z", "format": "epoch_ms", "lookback": "2d"}),
    ],
    ids=str,
)
def test_declares_parts(tmp_path, what, parts):
    source = loaded(tmp_path, what, parts)

    assert source.parts.pullers == parts.get("pullers")


def test_source_without_parts_has_none(tmp_path):
    assert loaded(tmp_path, FILE, None).parts is None


WRONG = [
    (FILE, {"by": "lines"}, "parts.by: ", {}),
    (FILE, {"size": "1MB"}, "parts: must be a mapping with the key by: files, bytes, values, windows", {}),
    (FILE, {"by": "bytes", "size": "10B"}, "parts.size: ", {}),
    (FILE, {"by": "files", "pullers": 0}, "parts.pullers: ", {}),
    (FILE, {"by": "files", "size": "1MB"}, "parts.size: unknown key", {}),
    (FILE, VALUES, "parts.by: a csv_file is divided by files or bytes", {}),
    (API, {"by": "files"}, "parts.by: a http_json is divided by values or windows", {}),
    (API, {"by": "values", "param": "symbol"}, "parts.values: ", {}),
    (
        API,
        {"by": "values", "param": "s", "values": ["a", "a"]},
        "parts.values: holds the same value twice",
        {},
    ),
    (API, {**VALUES, "param": "a"}, "options.params.a: is set by parts", {}),
    (API, {**WINDOWS, "start": "yesterday"}, "parts.start: 'yesterday' is not a date", {}),
    (API, {**WINDOWS, "start": "2026-01-01T00:00"}, "parts.start: '2026-01-01T00:00' names no time zone", {}),
    (API, {**WINDOWS, "step": "1s"}, "parts.step: '1s' is too short", {}),
    (API, WINDOWS, "parts.by: excludes options.since", {"since": {"field": "at", "param": "since"}}),
]


@pytest.mark.parametrize(("what", "parts", "message", "options"), WRONG, ids=[wrong[2] for wrong in WRONG])
def test_refuses_parts(tmp_path, what, parts, message, options):
    with pytest.raises(ConfigInvalid) as refused:
        loaded(tmp_path, what, parts, **options)

    assert [message in problem for problem in refused.value.problems] == [True], refused.value.problems
