"""What the documents say is there: targets, settings, files, tests, commands, endpoints, YAML, code."""

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import yaml
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from cli.__main__ import kasparro
from ingest.catalog import load
from ingest.catalog.options import AUTH, OPTIONS, PAGINATE, Since
from ingest.catalog.parts import PARTS
from ingest.catalog.schema import DatasetFile, FieldEntry, MappingEntry, SourceFile
from ingest.settings import ROOT
from webapp import views

README, ADDING, DELIVERY = ROOT / "README.md", ROOT / "docs" / "adding.md", ROOT / "docs" / "delivery.md"
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w.-]*(/[\w.-]+)*\.(py|md|ya?ml|toml|svg|txt|csv|ini|json)|\w+(/\w+)*/")
ADDRESS = "http://127.0.0.1:8000"
# Made by whoever runs the project, so not in it.
MADE = {".env", ".data/"}
# Sources that adding.md's fragments are put into; orders is the dataset that it declares.
BASES = {
    "http_json": {"url": "https://shop.example"},
    "csv_file": {"path": "orders.csv"},
    "jsonl_file": {"path": "orders.jsonl"},
}

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for name, body in FENCE.findall(document.read_text()) if name == language]


def spans(document: Path) -> list[str]:
    """Whatever stands between backticks in the prose."""
    return SPAN.findall(FENCE.sub("", document.read_text()))


def commands(document: Path, program: str) -> Iterator[str]:
    """Every command line of the program, in prose and in blocks, without its comment."""
    lines = [line for _, body in FENCE.findall(document.read_text()) for line in body.splitlines()]
    for line in [*lines, *spans(document)]:
        found = re.match(rf"(?:\$ )?(?:\w+=\S+ )*(?:\./)?{program}\b(?! *[:=])(.*?)(?:\s{{2,}}#.*)?$", line)
        if found:
            yield found[1].strip()


def yaml_files(document: Path) -> dict[str, str]:
    """The YAML blocks whose first line names a file of the catalogue."""
    named = [re.match(r"# (catalog/\w+/\w+\.yaml)\n", body) for body in blocks(document, "yaml")]
    return {found[1]: found.string for found in named if found}


@cache
def files() -> set[str]:
    """The names of all files, for those that a document calls by name alone."""
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name[0].isalpha()]
    return {path.name for folder in folders for path in folder.rglob("*")}


@every_document
def test_make_targets_exist(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = {words.split()[0] for words in commands(document, "make") if words}

    assert told <= targets


def test_settings_equal_the_example():
    """Names, defaults and meanings, in one order."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*)`)? *\| (.*) \|$", README.read_text(), re.MULTILINE)
    expected, comment = [], ""
    for line in (ROOT / ".env.example").read_text().splitlines():
        if line.startswith("#"):
            comment = line.removeprefix("#").strip()
        elif line:
            meaning, default = re.fullmatch(r"(.*?)(?: \[(.+)\])?", comment).groups()
            expected.append((line.rstrip("="), default or "", meaning))

    assert rows == expected


@every_document
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text()))
    broken = [link for link in links if not link.startswith("http") and not leads(document, link)]

    assert broken == []


def leads(document: Path, link: str) -> bool:
    """Whether the file, and the heading in it, is there."""
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if target.exists() else []
    slugs = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
    return target.exists() and (not anchor or anchor in slugs)


@every_document
def test_paths_exist(document):
    examples = {name for each in DOCUMENTS for name in yaml_files(each)}
    told = {span for span in spans(document) if FILE.fullmatch(span)} - examples - MADE
    missing = [
        path
        for path in told
        if not (
            (ROOT / path).exists()
            or (document.parent / path).exists()
            or path.removeprefix("../").strip("/") in files()
        )
    ]

    assert missing == []


def test_promises_are_tested():
    text = DELIVERY.read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    promises = re.split(r"^### \d+\. ", text.partition("## By kind")[0], flags=re.MULTILINE)[1:]

    assert [f"{file}::{test}" for file, test in named if test not in named_in(file)] == []
    assert len(promises) == 10
    assert all("::" in promise for promise in promises)


@cache
def named_in(file: str) -> set[str]:
    """The names of the tests in a file; none when it is not there."""
    if not (ROOT / file).exists():
        return set()
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@every_document
def test_commands_exist(document):
    wrong = [line for line in commands(document, "kasparro") if not understood(line)]

    assert wrong == []


def understood(line: str) -> bool:
    """Whether the words name commands of `kasparro`, and the options are theirs; alone, a group lists."""
    command: click.Command = kasparro
    for word in shlex.split(line.rstrip("…")):
        if isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
        elif word in ("-h", "--help"):
            continue
        elif word.startswith("-"):
            command = getattr(command, "commands", {}).get("list", command)
            if word not in {option for parameter in command.params for option in parameter.opts}:
                return False
        elif isinstance(command, click.Group):
            return False
    return True


@pytest.fixture(scope="module")
def routes():
    """The endpoints, without settings or a database."""
    app = Flask(__name__)
    shipped = load(ROOT / "catalog", {}, files_root=ROOT / "catalog" / "data")
    for blueprint in [*views.described(shipped), *views.plain()]:
        app.register_blueprint(blueprint)
    app.add_url_rule("/openapi.json", "openapi")
    return app.url_map.bind("")


@every_document
def test_endpoints_exist(document, routes):
    text = document.read_text()
    asked = re.findall(r"\b(GET|POST) (/[\w/<>.-]*)", text)
    asked += [("GET", path) for path in re.findall(r"`(/(?:data|runs|rejects)\b[\w/<>-]*)", text)]
    for line in re.findall(r"^\$ curl (.*)$", text, re.MULTILINE):
        method = "POST" if "-X POST" in line else "GET"
        asked += [(method, path) for path in re.findall(rf"{ADDRESS}(/[\w/.-]*)", line)]

    assert [(method, path) for method, path in asked if not served(routes, method, path)] == []


def served(routes, method, path):
    """Whether an endpoint answers there."""
    try:
        routes.match(path.replace("<id>", "1"), method=method)
    except RequestRedirect:
        return True
    except HTTPException:
        return False
    return True


@pytest.fixture
def shop(tmp_path):
    """A folder with the shipped datasets and those that adding.md declares."""
    shutil.copytree(ROOT / "catalog" / "datasets", tmp_path / "datasets")
    (tmp_path / "sources").mkdir()
    for name, body in yaml_files(ADDING).items():
        if name.startswith("catalog/datasets/"):
            (tmp_path / name.removeprefix("catalog/")).write_text(body)
    return tmp_path


@pytest.mark.parametrize("document", [README, ADDING], ids=lambda path: path.name)
def test_declarations_load(document, shop):
    declared = yaml_files(document)
    for name, body in declared.items():
        (shop / name.removeprefix("catalog/")).write_text(body)

    catalog = load(shop, {}, files_root=shop)

    assert {f"catalog/sources/{name}.yaml" for name in catalog.sources} == {
        name for name in declared if "/sources/" in name
    }


def test_source_has_eight_lines():
    (body,) = yaml_files(README).values()

    assert len(body.splitlines()) - 1 == 8


def fragments() -> list[tuple[str, str]]:
    """What adding.md shows of options and of a mapping: the kind, or fields, and the YAML."""
    found = [re.match(r"# (options of|fields of) (\w+)", body) for body in blocks(ADDING, "yaml")]
    return [("fields" if each[1] == "fields of" else each[2], each.string) for each in found if each]


def divisions() -> list[tuple[str, str]]:
    """What adding.md shows of parts: the kind, and the YAML."""
    found = [re.match(r"# parts of a source of kind (\w+)", body) for body in blocks(ADDING, "yaml")]
    return [(each[1], each.string) for each in found if each]


@pytest.mark.parametrize(("kind", "body"), divisions())
def test_parts_load(kind, body, shop):
    source = {
        "dataset": "orders",
        "kind": kind,
        "options": BASES[kind],
        "key": "Number",
        "fields": {"number": "Number"},
        **yaml.safe_load(body),
    }
    (shop / "sources" / "shown.yaml").write_text(yaml.safe_dump(source))

    assert load(shop, {}, files_root=shop).sources["shown"].parts is not None


@pytest.mark.parametrize(("what", "body"), fragments())
def test_fragments_load(what, body, shop):
    shown = yaml.safe_load(body)
    kind = "http_json" if what == "fields" else what
    columns = (shown.get("header") or ["Number"]) if kind == "csv_file" else ["Number"]
    first = columns[0] if isinstance(columns, list) else "Number"
    source = {
        "dataset": "orders",
        "kind": kind,
        "options": BASES[kind] | ({} if what == "fields" else shown),
        "key": first,
        "fields": shown if what == "fields" else {"number": first},
    }
    (shop / "sources" / "shown.yaml").write_text(yaml.safe_dump(source))

    assert load(shop, {}, files_root=shop).sources.keys() == {"shown"}


def test_every_option_is_shown():
    """adding.md names every option of every kind, of mappings and of fields."""
    schemas = [*OPTIONS.values(), *AUTH.values(), *PAGINATE.values(), Since]
    schemas += [*PARTS.values(), DatasetFile, FieldEntry, MappingEntry, SourceFile]
    names = {field.data_key or name for schema in schemas for name, field in schema().fields.items()}
    text = ADDING.read_text()

    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("body", [body for body in blocks(ADDING, "python") if body.startswith("# ")])
def test_code_is_quoted_as_it_is(body):
    first, *quoted = [line.strip() for line in body.strip().splitlines()]
    if first.startswith("# new: "):
        assert ast.parse(body).body
        return
    lines = [line.strip() for line in (ROOT / first.removeprefix("# ")).read_text().splitlines()]

    assert any(lines[at : at + len(quoted)] == quoted for at in range(len(lines)))
