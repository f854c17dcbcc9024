"""The files of the benchmark: the same for everybody, dirty as told, and clean as they must stand."""

import csv
import hashlib
import json
from collections import Counter
from contextlib import suppress
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from bench.inputs import write
from bench.rows import BROKEN, COLUMNS

ROWS = 20_000
PAGE = 1_000


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write(tmp_path_factory.mktemp("inputs"), ROWS)


def digests(folder: Path) -> dict[str, str]:
    """What each file holds."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def good(row: dict[str, str]) -> bool:
    """The rules of the dataset, in the plainest words."""
    with suppress(ValueError, LookupError, InvalidOperation, TypeError):
        datetime.fromisoformat(row["updated_at"])
        fits = Decimal(row["price"]) >= 0 and row["is_active"] in ("true", "false")
        return fits and row["rank"].isdecimal() and row["id"] != "" and set(row) == set(COLUMNS)
    return False


def newest(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """The row of each key that must stand."""
    stand: dict[str, dict[str, str]] = {}
    for row in filter(good, rows):
        if row["id"] not in stand or row["updated_at"] > stand[row["id"]]["updated_at"]:
            stand[row["id"]] = row
    return stand


def from_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def from_json(path: Path) -> list[dict[str, str]]:
    """The records as CSV would give them; a line that is no object becomes one without values."""
    rows = []
    for line in path.read_text().splitlines():
        try:
            record = json.loads(line, parse_float=str, parse_int=str)
        except ValueError:
            record = None
        values = record.items() if isinstance(record, dict) else ()
        rows.append(
            {name: str(value).lower() if isinstance(value, bool) else value for name, value in values}
        )
    return rows


def test_same_seed_gives_the_same_bytes(inputs, tmp_path):
    (tmp_path / "again").mkdir()
    (tmp_path / "other").mkdir()

    write(tmp_path / "again", ROWS)
    write(tmp_path / "other", ROWS, seed=8)

    assert digests(tmp_path / "again") == digests(inputs.folder)
    assert not set(digests(tmp_path / "other").values()) & set(digests(inputs.folder).values())


def test_bytes_are_those_of_every_machine(tmp_path):
    write(tmp_path, 2_000)

    assert digests(tmp_path)["dirty.csv"][:16] == "f6fe647406ce3bab"


@pytest.mark.parametrize(
    ("dirty", "clean", "read"),
    [
        ("dirty.csv", "clean.csv", from_csv),
        ("changed.csv", "clean_changed.csv", from_csv),
        ("dirty.jsonl", "clean.jsonl", from_json),
        ("records.jsonl", "clean.jsonl", from_json),
    ],
)
def test_clean_is_what_must_stand(inputs, dirty, clean, read):
    expected = newest(read(inputs.file(dirty)))
    found = read(inputs.file(clean))

    assert {row["id"]: row for row in found} == expected
    assert len(found) == len(expected) == inputs.standing


def test_rows_are_spoilt_as_told(inputs):
    rows = from_csv(inputs.file("dirty.csv"))
    broken = sum(not good(row) for row in rows)
    keys = Counter(row["id"] for row in rows if good(row))
    places: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        places.setdefault(row["id"], []).append(number)
    far = [each for key, each in places.items() if keys[key] > 1 and each[-1] - each[0] > PAGE]

    assert len(rows) == inputs.rows == ROWS
    assert broken == inputs.broken
    assert 0.003 < broken / ROWS < 0.007
    assert 0.003 < (keys.total() - len(keys)) / ROWS < 0.007
    assert far


def test_one_percent_has_changed(inputs):
    before, after = (newest(from_csv(inputs.file(name))) for name in ("clean.csv", "clean_changed.csv"))
    changed = [key for key in before if before[key] != after[key]]

    assert before.keys() == after.keys()
    assert 0.007 < len(changed) / len(before) < 0.013


def test_every_way_of_breaking_is_there(inputs):
    text = inputs.file("dirty.csv").read_text()
    lengths = {len(row) for row in csv.reader(text.splitlines())}

    assert len(BROKEN) == 8
    assert lengths == {3, len(COLUMNS), len(COLUMNS) + 1}
    for spoilt in (",not-a-price,", ",-1.5,", "2026-13-45", "\n,", ",perhaps,", ",12.5,"):
        assert spoilt in text
