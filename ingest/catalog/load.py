"""From YAML files to checked Dataset and Source objects: all errors of all files at once, or a Catalog.

A directory holds `datasets/<name>.yaml` and `sources/<name>.yaml`. `load` is pure but for reading them;
`catalog` is this process's catalogue.
"""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from collections.abc import Mapping as MappingType
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import marshmallow
from marshmallow import ValidationError

from ingest import settings
from ingest.catalog import yaml_file
from ingest.catalog.checks import Problems, mapping_of, mapping_problems, path_problems
from ingest.catalog.groups import messages_by_path
from ingest.catalog.http import origin
from ingest.catalog.parts import parts_problems
from ingest.catalog.schema import DatasetFile, SourceFile
from ingest.catalog.values import FreeName, did_you_mean
from ingest.catalog.yaml_file import Document
from ingest.declared import Catalog, Dataset, Field, Mapping, Source
from ingest.errors import ConfigInvalid
from ingest.kinds import KINDS
from ingest.kinds.split import parts_of

Kind = Callable[..., Any]
Declared = TypeVar("Declared", Dataset, Source)

# The last one is a temporary table of `ingest.traces`, which would hide the dataset's.
TABLES_TAKEN = frozenset(
    {"runs", "parts", "traces", "sources", "checkpoints", "rejects", "alembic_version", "still_open"}
)
# The raw pages of a source are in the table raw_<source>; these names are taken there.
RAW_TAKEN = frozenset({"data", "data_id_seq"})


def load(
    directory: Path,
    environ: MappingType[str, str],
    *,
    files_root: Path,
    kinds: MappingType[str, Kind] = KINDS,
) -> Catalog:
    """Read the catalogue of a directory. Raises ConfigInvalid with every problem of every file."""
    dataset = functools.partial(_dataset, environ=environ)
    datasets, problems = _each(directory / "datasets", dataset)
    known = {path.stem: datasets.get(path.stem) for path in (directory / "datasets").glob("*.yaml")}
    source = functools.partial(_source, environ=environ, datasets=known, files_root=files_root, kinds=kinds)
    sources, more = _each(directory / "sources", source)
    if problems or more:
        raise ConfigInvalid([*problems, *more])
    return Catalog(datasets, sources)


@functools.cache
def catalog() -> Catalog:
    """The catalogue of this process, read once. Raises ConfigInvalid."""
    current = settings.settings()
    return load(current.catalog_dir, settings.environment(), files_root=current.files_root)


def _each(folder: Path, build: Callable[[Path, str], Declared]) -> tuple[dict[str, Declared], list[str]]:
    """Build what each file of a folder declares; gather the problems of those that cannot be built."""
    built: dict[str, Declared] = {}
    problems = [] if any(folder.glob("*.yaml")) else [f"{_label(folder)}: holds no .yaml file"]
    problems += [f"{_label(path)}: name it {path.stem}.yaml" for path in sorted(folder.glob("*.yml"))]
    for path in sorted(folder.glob("*.yaml")):
        try:
            built[path.stem] = build(path, _label(path))
        except ConfigInvalid as error:
            problems += error.problems
    return built, problems


def _label(path: Path) -> str:
    """catalog/sources/x.yaml for a file, catalog/sources for a folder: the same on every machine."""
    return "/".join(path.parts[-3:] if path.suffix else path.parts[-2:])


def _checked(schema: marshmallow.Schema, document: Document) -> tuple[dict[str, Any], Problems]:
    """Return what is valid, and the problems; where a reference is not set, that is the only one."""
    try:
        return schema.load(document.data), document.problems
    except ValidationError as error:
        valid = error.valid_data if isinstance(error.valid_data, dict) else {}
        return valid, messages_by_path(error.messages) | document.problems


def _name_problems(name: str, taken: frozenset[str]) -> Problems:
    try:
        FreeName(taken).parse(name)
    except ValidationError as error:
        return {"": f"the file's name: {error.messages[0]}"}
    return {}


def _refuse(label: str, problems: Problems) -> None:
    if problems:
        raise ConfigInvalid(
            [f"{label}: {at}: {text}" if at else f"{label}: {text}" for at, text in problems.items()]
        )


def _dataset(path: Path, label: str, *, environ: MappingType[str, str]) -> Dataset:
    document = yaml_file.read(path, environ, label=label)
    data, problems = _checked(DatasetFile(), document)
    taken = TABLES_TAKEN | ({path.stem} if path.stem.startswith("raw_") else set())
    _refuse(label, _name_problems(path.stem, taken) | problems)
    fields = tuple(Field(name=name, **entry) for name, entry in data["fields_"].items())
    return Dataset(path.stem, fields, newest_by=data["newest_by"], description=data["description"])


def _source(
    path: Path,
    label: str,
    *,
    environ: MappingType[str, str],
    datasets: MappingType[str, Dataset | None],
    files_root: Path,
    kinds: MappingType[str, Kind],
) -> Source:
    document = yaml_file.read(path, environ, label=label)
    data, problems = _checked(SourceFile(), document)
    dataset = datasets.get(data.get("dataset", ""))
    _refuse(label, _name_problems(path.stem, RAW_TAKEN) | _together(data, document, datasets) | problems)
    if dataset is None:
        raise ConfigInvalid([])  # its own file says what is wrong
    mapping = tuple(mapping_of(name, entry) for name, entry in data["fields_"].items())
    offered = {"root": files_root, "columns": _columns(data["key"], mapping)}
    pull = _pull(data["kind"], data["options"], offered, kinds, label)
    return Source(
        name=path.stem,
        dataset=dataset,
        kind=data["kind"],
        key=data["key"],
        mapping=mapping,
        pull=pull,
        records=data["options"].get("records"),
        every=None if data["every"] is None else timedelta(seconds=data["every"]),
        cron=data["cron"],
        keep_raw=timedelta(seconds=data["keep_raw"]),
        max_reject_percent=data["max_reject_percent"],
        digest=_digest(document),
        description=data["description"],
        upstream=_upstream(data["options"]),
        allow_private=data["options"].get("allow_private"),
        secrets=tuple(sorted(document.names)),
        parts=parts_of(pull.func, pull.keywords, data["parts"]) if data["parts"] else None,
    )


def _together(
    data: dict[str, Any], document: Document, datasets: MappingType[str, Dataset | None]
) -> Problems:
    """What only shows when the file is held against its dataset and its kind."""
    problems = path_problems(data) | parts_problems(data)
    if (name := data.get("dataset")) is None:
        return problems
    if name not in datasets:
        return problems | {"dataset": f"unknown dataset{did_you_mean(name, datasets)}"}
    written = document.data.get("fields")
    if (dataset := datasets[name]) is not None and isinstance(written, dict):
        problems |= mapping_problems(written, data.get("fields_", {}), dataset)
    return problems


def _columns(key: tuple[str, ...], mapping: tuple[Mapping, ...]) -> tuple[str, ...]:
    """The paths that every record has to have; a mapping with a default can do without."""
    mapped = [each.path for each in mapping if each.path is not None and each.default is None]
    return tuple(dict.fromkeys([*key, *mapped]))


def _pull(
    name: str, options: dict[str, Any], offered: dict[str, Any], kinds: MappingType[str, Kind], label: str
) -> "functools.partial[Any]":
    """Bind the options to the kind, and what is offered where it has a keyword for it."""
    if name not in kinds:
        raise ConfigInvalid([f"{label}: kind: {name} has a schema, but no function in ingest.kinds.KINDS"])
    signature = inspect.signature(kinds[name])
    keywords = options | {word: value for word, value in offered.items() if word in signature.parameters}
    try:
        signature.bind(None, {}, **keywords)
    except TypeError as error:
        raise ConfigInvalid(
            [f"{label}: options: the function of kind {name} does not fit: {error}"]
        ) from error
    return functools.partial(kinds[name], **keywords)


def _digest(document: Document) -> str:
    return hashlib.sha256(json.dumps(document.written, sort_keys=True, default=str).encode()).hexdigest()


def _upstream(options: dict[str, Any]) -> str:
    return origin(options["url"]) if "url" in options else str(options["path"])
