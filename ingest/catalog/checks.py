"""What no file can tell alone: whether a source's mapping fits its dataset, and its paths fit its kind.

Each check takes loaded values, of which wrong ones are missing, and returns messages by path in the file.
"""

from collections.abc import Iterable
from typing import Any

from marshmallow import ValidationError

from ingest.catalog.options import OPTIONS
from ingest.catalog.schema import parsed
from ingest.catalog.values import did_you_mean
from ingest.catalog.words import check_path
from ingest.declared import Dataset, Field, Mapping
from ingest.references import shown

NUMBERS = {"integer", "decimal", "float"}
SUITED = {
    "case": {"string"},
    "format": {"date", "datetime"},
    "zone": {"datetime"},
    "decimal_comma": NUMBERS,
    "money": NUMBERS,
}

Problems = dict[str, str]


def mapping_of(name: str, entry: dict[str, Any]) -> Mapping:
    """Return the mapping that a loaded entry declares."""
    nulls = ("", *(word for word in entry["nulls"] or () if word))
    return Mapping(field=name, **(entry | {"nulls": nulls}))


def mapping_problems(written: dict[str, Any], entries: dict[str, Any], dataset: Dataset) -> Problems:
    """Fields that the dataset lacks, fields that it requires, and options that do not fit a field's type."""
    declared = {field.name: field for field in dataset.fields}
    problems = {
        f"fields.{name}": f"unknown field{did_you_mean(name, declared)}"
        for name in written
        if name not in declared
    }
    problems |= {
        f"fields.{field.name}": f"is required by dataset {dataset.name}, but not mapped"
        for field in dataset.fields
        if field.required and field.name not in written
    }
    for name in entries.keys() & declared.keys():
        problems |= _entry_problems(mapping_of(name, entries[name]), declared[name])
    return problems


def _entry_problems(mapping: Mapping, field: Field) -> Problems:
    at = f"fields.{mapping.field}"
    problems = {
        f"{at}.{option}": f"makes no sense for type {field.type}"
        for option, types in SUITED.items()
        if getattr(mapping, option) not in (None, False) and field.type not in types
    }
    if mapping.format in ("epoch", "epoch_ms") and field.type == "date":
        problems[f"{at}.format"] = "makes no sense for type date"
    return problems or _value_problems(mapping, field)


def _value_problems(mapping: Mapping, field: Field) -> Problems:
    """A constant or default must be readable the way that the field's other values are."""
    problems = {}
    for option in ("constant", "default"):
        if (text := getattr(mapping, option)) is not None:
            try:
                parsed(field.type, text, mapping)
            except ValidationError as error:
                problems[f"fields.{mapping.field}.{option}"] = str(error.messages[0])
    return problems


def path_problems(data: dict[str, Any]) -> Problems:
    """Paths that are no JMESPath where the kind needs one, and columns that a declared header lacks."""
    paths = _paths(data)
    if data.get("kind") in OPTIONS and OPTIONS[data["kind"]].jmespath:
        return _bad_expressions(paths)
    header = (data.get("options") or {}).get("header")
    return _lacking(header, paths) if isinstance(header, tuple) else {}


def _paths(data: dict[str, Any]) -> list[tuple[str, str]]:
    mapped = data.get("fields_", {}).items()
    return [
        *(("key", path) for path in data.get("key") or ()),
        *((f"fields.{name}", entry["path"]) for name, entry in mapped if "path" in entry),
    ]


def _bad_expressions(paths: Iterable[tuple[str, str]]) -> Problems:
    problems = {}
    for at, path in paths:
        try:
            check_path(path)
        except ValidationError as error:
            problems[at] = str(error.messages[0])
    return problems


def _lacking(header: tuple[str, ...], paths: Iterable[tuple[str, str]]) -> Problems:
    return {
        at: f"the header has no column {shown(path)}{did_you_mean(path, header)}"
        for at, path in paths
        if path not in header
    }
