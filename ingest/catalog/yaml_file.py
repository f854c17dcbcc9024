"""One YAML file, read safely: capped in size, aliases and expansion; no duplicate keys; plain data only.

Words are read as YAML 1.2 does: only true and false are booleans, so `on`, `no`, `12:30`, `007` and
`2020-01-01` stay text. Numbers with a point become Decimal, so that 1.10 is not rounded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from ingest.errors import ConfigInvalid
from ingest.references import References

MOST_BYTES = 256 * 1024
MOST_ALIASES = 50
MOST_NODES = 50_000

FRACTION = re.compile(r"^[-+]?(0|[1-9][0-9]{0,40})(\.[0-9]{0,40}([eE][-+]?[0-9]{1,2})?|[eE][-+]?[0-9]{1,2})$")
TAG = "tag:yaml.org,2002:"
PLAIN_WORDS = [
    ("null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"^[-+]?(0|[1-9][0-9]{0,17})$"), list("-+0123456789")),
    ("float", FRACTION, list("-+0123456789")),
]
# What a value with one of the allowed tags must look like, also where the tag was written down.
ALLOWED = {TAG + word: pattern for word, pattern, _ in PLAIN_WORDS}
ALLOWED |= {TAG + word: re.compile("") for word in ("str", "map", "seq")}


@dataclass(frozen=True)
class Document:
    """A file's data with references filled in, the same as written, and the names that it refers to.

    `problems` are the references that could not be filled in: a message by path in the file.
    """

    data: Any
    written: Any
    names: frozenset[str]
    problems: dict[str, str]


class _Refused(yaml.YAMLError):
    """The file is YAML, but not of the kind that is read here."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own shape: a table of each loader class
    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                raise _Refused(f"more than {MOST_ALIASES} aliases")
        return super().compose_node(parent, index)


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(node.value)


for _word, _pattern, _first in PLAIN_WORDS:
    _Loader.add_implicit_resolver(TAG + _word, _pattern, _first)
_Loader.add_constructor(TAG + "float", _decimal)


def read(path: Path, environ: Mapping[str, str], *, label: str) -> Document:
    """Read a file. Raises ConfigInvalid, naming the file by its label, when it cannot be read at all."""
    try:
        written = _parse(_bytes(path))
    except (OSError, yaml.YAMLError, RecursionError) as error:
        raise ConfigInvalid([f"{label}: {_plainly(error)}"]) from error
    references = References(environ)
    data = references.fill(written)
    return Document(data, written, frozenset(references.names), references.problems)


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise _Refused(f"larger than {MOST_BYTES // 1024} kB")
    return body


def _parse(body: bytes) -> Any:
    loader = _Loader(body)
    try:
        root = loader.get_single_node()
        if root is None:
            raise _Refused("the file is empty")
        _check(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _check(root: yaml.Node) -> None:
    """Walk the tree as its aliases expand it, so that neither a bomb nor a loop gets any further."""
    waiting, seen = [root], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > MOST_NODES:
            raise _Refused(f"its aliases expand it to more than {MOST_NODES} values")
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if node.tag not in ALLOWED or not ALLOWED[node.tag].match(text):
            raise _refused(node, f"the tag {node.tag} is not allowed")
        waiting += _children(node)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != TAG + "str":
            raise _refused(key, "a key must be text; put it in quotes")
        if key.value in seen:
            raise _refused(key, f"the key {key.value} is there twice")
        seen.add(key.value)


def _refused(node: yaml.Node, message: str) -> _Refused:
    return _Refused(f"line {node.start_mark.line + 1}: {message}")


def _plainly(error: Exception) -> str:
    """One line without an excerpt of the file."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
    return " ".join(str(error).split())
