"""The JSON Schema (draft 2020-12) of catalogue files, generated from the marshmallow schemas that check them.

`python -m ingest.catalog.json_schema` writes it again; a test tells when that is needed. An editor sees
the file as written, so a reference is allowed wherever a value must have a certain form.
"""

import json
from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

import marshmallow

from ingest.catalog.groups import Closed, Entries, Group, Many, OneOrMany, Options, Short, TrueOrMany, Variant
from ingest.catalog.schema import DatasetFile, SourceFile
from ingest.catalog.values import Checked, Shape
from ingest.settings import ROOT

DRAFT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Shape = {"type": "string", "pattern": r"\$\{"}
FREE = {"type", "minLength"}


def dataset_schema() -> Shape:
    """The JSON Schema of `datasets/*.yaml`."""
    return _document(DatasetFile, "Kasparro dataset")


def source_schema() -> Shape:
    """The JSON Schema of `sources/*.yaml`."""
    return _document(SourceFile, "Kasparro source")


def write(directory: Path) -> None:
    """Write both into a catalogue's directory."""
    for name, schema in (("dataset", dataset_schema()), ("source", source_schema())):
        (directory / f"{name}.schema.json").write_text(text(schema), encoding="utf-8")


def text(schema: Shape) -> str:
    """The file's text of a JSON Schema."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _document(schema: type[Closed], title: str) -> Shape:
    definitions: dict[str, Shape] = {}
    body = _object(schema, definitions)
    return {"$schema": DRAFT, "title": title, **body, "$defs": dict(sorted(definitions.items()))}


def _object(schema: type[Closed], definitions: dict[str, Shape]) -> Shape:
    fields = {field.data_key or name: field for name, field in schema().fields.items()}
    required = [name for name, field in fields.items() if field.required]
    return {
        "description": (schema.__doc__ or "").strip(),
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _described(field, definitions) for name, field in fields.items()},
        **({"required": required} if required else {}),
        **_chosen_options(fields, definitions),
    }


def _chosen_options(fields: Mapping[str, Any], definitions: dict[str, Shape]) -> Shape:
    """`kind` chooses the schema of `options`: one condition for each kind."""
    options = fields.get("options")
    if not isinstance(options, Options):
        return {}
    return {
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"properties": {"options": _reference(schema, definitions)}},
            }
            for kind, schema in options.schemas.items()
        ]
    }


def _reference(schema: type[Closed], definitions: dict[str, Shape]) -> Shape:
    if schema.__name__ not in definitions:
        definitions[schema.__name__] = {}
        definitions[schema.__name__] = _object(schema, definitions)
    return {"$ref": f"#/$defs/{schema.__name__}"}


def _described(field: Any, definitions: dict[str, Shape]) -> Shape:
    shape = _shape(field, definitions)
    if description := field.metadata["description"]:
        shape = {"description": description, **shape}
    default = field.metadata["default"]
    return shape if default in (None, marshmallow.missing) else {**shape, "default": default}


@singledispatch
def _shape(field: Any, definitions: dict[str, Shape]) -> Shape:
    raise TypeError(f"no JSON Schema is known for {type(field).__name__}")


@_shape.register
def _(field: Checked, definitions: dict[str, Shape]) -> Shape:
    shape = field.describe()
    strict = shape.keys() - FREE or shape["type"] in ("integer", "boolean")
    return {"anyOf": [shape, REFERENCE]} if strict else shape


@_shape.register
def _(field: Group, definitions: dict[str, Shape]) -> Shape:
    return _reference(field.schema, definitions)


@_shape.register
def _(field: Short, definitions: dict[str, Shape]) -> Shape:
    keyed = {inner.data_key or name: inner for name, inner in field.schema().fields.items()}
    return {"anyOf": [_shape(keyed[field.key], definitions), _reference(field.schema, definitions)]}


@_shape.register
def _(field: Entries, definitions: dict[str, Shape]) -> Shape:
    names, values = field.keys.describe(), _described(field.values, definitions)
    return {"type": "object", "propertyNames": names, "additionalProperties": values}


@_shape.register
def _(field: Many, definitions: dict[str, Shape]) -> Shape:
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": _shape(field.inner, definitions)}


@_shape.register
def _(field: OneOrMany, definitions: dict[str, Shape]) -> Shape:
    return {"anyOf": [_shape(field.inner, definitions), _shape.dispatch(Many)(field, definitions)]}


@_shape.register
def _(field: TrueOrMany, definitions: dict[str, Shape]) -> Shape:
    return {"anyOf": [{"const": True}, _shape.dispatch(Many)(field, definitions)]}


@_shape.register
def _(field: Variant, definitions: dict[str, Shape]) -> Shape:
    return {"anyOf": [_reference(schema, definitions) for schema in field.schemas.values()]}


@_shape.register
def _(field: Options, definitions: dict[str, Shape]) -> Shape:
    return {"type": "object"}


if __name__ == "__main__":
    write(ROOT / "catalog")
