"""One file: what it may hold, what is refused, and how references are filled in."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest.catalog import yaml_file
from ingest.catalog.yaml_file import Document
from ingest.errors import ConfigInvalid
from ingest.references import Substituted

SECRET = "hush-hush-4711"


def read(tmp_path: Path, text: str | bytes, **environ: str) -> Document:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return yaml_file.read(path, environ, label="sources/x.yaml")


BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n"
    for old, new in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
)

REFUSED = {
    "too large": ("a: " + "x" * yaml_file.MOST_BYTES, "larger than 256 kB"),
    "too many aliases": ("a: &a 1\nb: [" + "*a, " * 51 + "]", "more than 50 aliases"),
    "alias bomb": (BOMB, "expand it to more than"),
    "alias loop": ("a: &a [*a]", "expand it to more than"),
    "too deep": ("[" * 5000, "nested too deeply"),
    "duplicate key": ("a: 1\nb: {c: 1, c: 2}", "line 2: the key c is there twice"),
    "number as key": ("1: a", "line 1: a key must be text"),
    "list as key": ("? [a]\n: b", "a key must be text"),
    "Python object": ("a: !!python/object/apply:os.getcwd []", "is not allowed"),
    "Python module": ("a: !!python/module:os", "is not allowed"),
    "Python name": ("!!python/name:os.system : 1", "a key must be text"),
    "Python call in a key": ("? !!python/object/new:os.getcwd []\n: 1", "a key must be text"),
    "tag of its own": ("a: !env HOME", "is not allowed"),
    "binary": ("a: !!binary aGk=", "is not allowed"),
    "wrong tag": ("a: !!int x", "is not allowed"),
    "broken": ("a: [1,\nb: 2", "line 2, column"),
    "control character": ("a: \x01", "special characters are not allowed"),
    "not UTF-8": (b"a: \xff\xfe\xff", "invalid"),
    "empty": ("# nothing\n", "the file is empty"),
    "two documents": ("a: 1\n---\nb: 2", "line 2"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        read(tmp_path, text)

    [problem] = refusal.value.problems
    assert problem.startswith("sources/x.yaml: ")
    assert message in problem


def test_names_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"sources/x.yaml: No such file"):
        yaml_file.read(tmp_path / "none.yaml", {}, label="sources/x.yaml")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("007", "007"),
        ("2020-01-01", "2020-01-01"),
        (".nan", ".nan"),
        ("<<", "<<"),
        ("true", True),
        ("~", None),
        ("-12", -12),
        ("1.10", Decimal("1.10")),
        ("1e-12", Decimal("1e-12")),
        ("'5'", "5"),
    ],
)
def test_reads_words_as_yaml_1_2(tmp_path: Path, written: str, value: Any) -> None:
    found = read(tmp_path, f"a: {written}").data["a"]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "one"),
        ("x ${A} y ${B}", "x one y two ${A}"),
        ("${NONE:-}", ""),
        ("${NONE:-a: b}", "a: b"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY}", ""),
        ("${A:-d}", "one"),
        ("$${A}", "${A}"),
        ("$A $1", "$A $1"),
    ],
)
def test_fills_references(tmp_path: Path, written: str, value: str) -> None:
    document = read(tmp_path, f"a: ['{written}']", A="one", B="two ${A}", EMPTY="")

    assert document.data == {"a": [value]}
    assert document.written == {"a": [written]}
    assert document.problems == {}


def test_leaves_keys_alone(tmp_path: Path) -> None:
    assert read(tmp_path, "${A}: 1", A="one").data == {"${A}": 1}


def test_a_value_is_no_yaml(tmp_path: Path) -> None:
    assert read(tmp_path, "a: ${A}", A="[1, {b: *c}]\nx: y").data == {"a": "[1, {b: *c}]\nx: y"}


def test_gathers_names_and_problems(tmp_path: Path) -> None:
    document = read(tmp_path, "a: ${A}\nb: {c: ['${B} ${C}', '${D:-d}', '${oops']}")

    assert document.names == {"A", "B", "C", "D"}
    assert document.problems == {
        "a": "A is not set and has no default",
        "b.c.0": "B is not set and has no default; C is not set and has no default",
        "b.c.2": "malformed reference; write ${NAME}",
    }


def test_shows_no_value_of_the_environment(tmp_path: Path) -> None:
    document = read(tmp_path, "a: x${A}", A=SECRET)

    assert isinstance(document.data["a"], Substituted)
    assert repr(document.data["a"]) == "'x${A}'"
    assert SECRET not in repr(document)
