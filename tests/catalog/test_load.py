"""A catalogue directory: what it becomes, and what is said about one that is wrong."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.catalog import load
from ingest.declared import Catalog, Source
from ingest.errors import ConfigInvalid

SECRET = "hush-hush-4711"

DATASET = """
newest_by: seen
fields:
  symbol: {type: string, required: true, max_length: 64, index: true}
  price_usd: {type: decimal, min: 0}
  born: date
  seen: datetime
  extra: json
"""
API = """
kind: http_json
options:
  url: https://api.example.com/v1/coins
key: id
fields:
  symbol: symbol
"""
FILE = """
kind: csv_file
options: {path: coins.csv}
key: id
fields: {symbol: symbol}
"""


def http_json(
    http: Any,
    positions: Any,
    *,
    url: str,
    method: str,
    headers: Any,
    params: Any,
    body: Any,
    auth: Any,
    records: Any,
    paginate: Any,
    since: Any,
    rate: Any,
    max_body: int,
    connect_timeout: float,
    read_timeout: float,
    total_timeout: float,
    retries: int,
    max_pages: int,
    allow_private: Any,
) -> Iterator[Any]:
    yield url


def csv_file(
    http: Any,
    positions: Any,
    *,
    root: Path,
    path: str,
    compression: str,
    encoding: str,
    delimiter: str,
    quote: str,
    header: Any,
    skip_lines: int,
    page_size: int,
    columns: tuple[str, ...],
) -> Iterator[Any]:
    yield path


def jsonl_file(
    http: Any, positions: Any, *, root: Path, path: str, compression: str, page_size: int
) -> Iterator[Any]:
    yield path


KINDS: dict[str, Callable[..., Any]] = {
    "http_json": http_json,
    "csv_file": csv_file,
    "jsonl_file": jsonl_file,
}


class Files:
    """A catalogue directory that starts with one good dataset and one good source."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("datasets/items", DATASET).write("sources/coins", API)

    def write(self, name: str, text: str) -> "Files":
        path = self.directory / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return self

    def load(self, kinds: Any = KINDS, **environ: str) -> Catalog:
        return load(self.directory, environ, files_root=Path("files"), kinds=kinds)

    def source(self, text: str, **environ: str) -> Source:
        return self.write("sources/coins", text).load(**environ).sources["coins"]

    def problems(self, kinds: Any = KINDS, **environ: str) -> list[str]:
        with pytest.raises(ConfigInvalid) as refusal:
            self.load(kinds, **environ)
        return refusal.value.problems


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "catalog")


# Dataset files: what replaces the field `born: date`, and what is said.
WRONG_FIELDS = {
    "born: text": "fields.born.type: 'text' is unknown; known are string, integer",
    "born: strin": "fields.born.type: 'strin' is unknown; did you mean string?",
    "born: {type: date, requird: true}": "fields.born.requird: unknown key; did you mean required?",
    "born: {type: date, required: 7}": "fields.born.required: must be true or false",
    "born: {required: true}": "fields.born.type: Missing data for required field.",
    "born: 5": "fields.born: must be a mapping of keys to values",
    "Born: date": "fields.Born: a name has small letters",
    "run_id: integer": "fields.run_id: the name run_id is reserved",
    "limit: integer": "fields.limit: the name limit is reserved",
    "xmin: integer": "fields.xmin: the name xmin is reserved",
    "born__gt: date": "fields.born__gt: the name born__gt is reserved",
    "x: {type: string, min: 1}": "fields.x.min: makes no sense for type string",
    "x: {type: boolean, max: 1}": "fields.x.max: makes no sense for type boolean",
    "x: {type: integer, pattern: a}": "fields.x.pattern: makes no sense for type integer",
    "x: {type: decimal, max_length: 5}": "fields.x.max_length: makes no sense for type decimal",
    "x: {type: uuid, one_of: [a]}": "fields.x.one_of: makes no sense for type uuid",
    "x: {type: json, index: true}": "fields.x.index: makes no sense for type json",
    "x: {type: string, index: true}": "fields.x.index: needs a max_length of at most 650",
    "x: {type: string, pattern: '(?=a)'}": "fields.x.pattern: '(?=a)' is not a pattern that runs in linear",
    "x: {type: string, pattern: 'a)|(b'}": "fields.x.pattern: 'a)|(b' is not a pattern",
    "x: {type: string, pattern: '[a-c]', one_of: [a, d]}": "fields.x.one_of: holds a text that",
    "x: {type: string, one_of: [a, a]}": "fields.x.one_of: holds the same value twice",
    "x: {type: string, one_of: []}": "fields.x.one_of: must be a list with at least one value",
    "x: {type: string, max_length: 0}": "fields.x.max_length: must be from 1 to 1000000",
    "x: {type: integer, min: 1.5}": "fields.x.min: '1.5' is not a valid integer",
    "x: {type: date, max: 2020-02-30}": "fields.x.max: '2020-02-30' is not a valid date",
    "x: {type: integer, min: 10, max: 9}": "fields.x.min: is greater than max",
}


@pytest.mark.parametrize(("field", "message"), WRONG_FIELDS.items(), ids=WRONG_FIELDS)
def test_refuses_a_field(files: Files, field: str, message: str) -> None:
    files.write("datasets/items", DATASET.replace("born: date", field))

    [problem] = files.problems()
    assert problem.startswith(f"catalog/datasets/items.yaml: {message}")


WRONG_DATASETS = {
    "newest_by: gone\nfields: {symbol: string}": "newest_by: must name a declared field of type date",
    "newest_by: symbol\nfields: {symbol: string}": "newest_by: must name a declared field of type date",
    "fields: {}": "fields: must declare at least one field",
    "fields: [symbol]": "fields: must be a mapping of names to values",
    "feilds: {symbol: string}\nfields: {symbol: string}": "feilds: unknown key; did you mean fields?",
    "[]": "must be a mapping of keys to values",
}


@pytest.mark.parametrize(("text", "message"), WRONG_DATASETS.items(), ids=WRONG_DATASETS)
def test_refuses_a_dataset(files: Files, text: str, message: str) -> None:
    [problem] = files.write("datasets/items", text).problems()

    assert problem.startswith(f"catalog/datasets/items.yaml: {message}")


@pytest.mark.parametrize(
    "name",
    [
        "runs",
        "sources",
        "checkpoints",
        "rejects",
        "raw_coins",
        "alembic_version",
        "still_open",
        "Items",
        "a-b",
    ],
)
def test_refuses_a_datasets_name(files: Files, name: str) -> None:
    [problem] = files.write(f"datasets/{name}", DATASET).problems()

    assert problem.startswith(f"catalog/datasets/{name}.yaml: the file's name: ")


@pytest.mark.parametrize("name", ["data", "Coins", "1st", "a" * 42])
def test_refuses_a_sources_name(files: Files, name: str) -> None:
    [problem] = files.write(f"sources/{name}", API).problems()

    assert problem.startswith(f"catalog/sources/{name}.yaml: the file's name: ")


# Source files: lines of API that are replaced, by what, and what is said.
URL, SYMBOL = "  url: https://api.example.com/v1/coins", "  symbol: symbol"
WRONG_SOURCES = {
    ("key: id", "ky: id\nkey: id"): "ky: unknown key; did you mean key?",
    ("key: id", ""): "key: Missing data for required field.",
    ("key: id", "key: []"): "key: must be a list with at least one value",
    ("key: id", "key: [id, '']"): "key.1: must not be empty",
    ("key: id", "key: 5"): "key.0: must be text; put it in quotes",
    ("key: id", "key: 'a..b'"): "key: 'a..b' is not a JMESPath expression",
    ("key: id", "key: id\ndataset: itms"): "dataset: unknown dataset; did you mean items?",
    ("key: id", "key: id\nevery: 5"): "every: must be text; put it in quotes",
    ("key: id", "key: id\nevery: 5 minutes"): "every: '5 minutes' is not a duration",
    ("key: id", "key: id\nevery: 0.5s"): "every: '0.5s' is too short; at least 1s",
    ("key: id", "key: id\ncron: 0 * * *"): "cron: '0 * * *' is not a cron expression",
    ("key: id", "key: id\ncron: 0 0 30 2 *"): "cron: '0 0 30 2 *' is not a cron expression",
    ("key: id", "key: id\nevery: 5m\ncron: 0 * * * *"): "cron: excludes every",
    ("key: id", "key: id\nkeep_raw: forever"): "keep_raw: 'forever' is not a duration",
    ("kind: http_json", "kind: http_jsn"): "kind: 'http_jsn' is unknown; did you mean http_json?",
    (URL, "  zzz: x"): "options.zzz: unknown key; known are url, method",
    (URL, "  url: ftp://example.com"): "options.url: 'ftp://example.com' is not an http or https URL",
    (URL, "  url: https://"): "options.url: 'https://' is not an http or https URL",
    (URL, "  url: http://h:99999/"): "options.url: 'http://h:99999/' is not an http or https URL",
    (URL, "  url: http://me:pw@example.com/"): "options.url: must not hold credentials",
    (URL, URL + "\n  paginat: {}"): "options.paginat: unknown key; did you mean paginate?",
    (URL, URL + "\n  paginate: page"): "options.paginate: must be a mapping with a type: none, page",
    (
        URL,
        URL + "\n  paginate: {type: pages}",
    ): "options.paginate.type: 'pages' is unknown; did you mean page?",
    (
        URL,
        URL + "\n  paginate: {type: page, sise: 5}",
    ): "options.paginate.sise: unknown key; did you mean size?",
    (URL, URL + "\n  paginate: {type: page, size_param: n}"): "options.paginate.size_param: needs size",
    (
        URL,
        URL + "\n  paginate: {type: offset, ahead: 4}",
    ): "options.paginate.size: Missing data for required field.",
    (
        URL,
        URL + "\n  paginate: {type: page, ahead: 33}",
    ): "options.paginate.ahead: must be from 1 to 32",
    (
        URL,
        URL + "\n  paginate: {type: link, ahead: 4}",
    ): "options.paginate.ahead: link cannot be asked for ahead; only page and offset can",
    (
        URL,
        URL + "\n  paginate: {type: cursor, path: next, ahead: 4}",
    ): "options.paginate.ahead: cursor cannot be asked for ahead; only page and offset can",
    (
        URL,
        URL + "\n  paginate: {type: next_url, path: next, ahead: 4}",
    ): "options.paginate.ahead: next_url cannot be asked for ahead; only page and offset can",
    (URL, URL + "\n  paginate: {type: offset}"): "options.paginate.size: Missing data for required field.",
    (
        URL,
        URL + "\n  paginate: {type: cursor, path: '['}",
    ): "options.paginate.path: '[' is not a JMESPath expression",
    (URL, URL + "\n  records: 'a['"): "options.records: 'a[' is not a JMESPath expression",
    (URL, URL + "\n  records: 'data[?rank == `5`]'"): "options.records: 'data[?rank == `5`]' compares with a",
    (
        URL,
        URL + "\n  records: 'data[?rank > other]'",
    ): "options.records: 'data[?rank > other]' compares by size",
    (
        URL,
        URL + "\n  records: 'a | [?b && (c != `1.5`)]'",
    ): "options.records: 'a | [?b && (c != `1.5`)]' compares with a number; numbers travel as text",
    (
        URL,
        URL + "\n  records: 'sort_by(data, &rank)'",
    ): "options.records: 'sort_by(data, &rank)' calls sort_by()",
    (SYMBOL, "  symbol: {from: 'x[1:2] | max(@)'}"): "fields.symbol: 'x[1:2] | max(@)' calls max()",
    ("key: id", "key: to_number(id)"): "key: 'to_number(id)' calls to_number()",
    (
        URL,
        URL + "\n  since: {field: t, param: p, lookback: 5}",
    ): "options.since.lookback: is a number; write 30s",
    (URL, URL + "\n  records: ''"): "options.records: '' is not a JMESPath expression",
    (URL, URL + "\n  auth: {type: basic, user: x}"): "options.auth.",
    (
        URL,
        URL + "\n  auth: {type: header, name: 'a b', value: x}",
    ): "options.auth.name: 'a b' is not the name of a header",
    (
        URL,
        URL + '\n  auth: {type: header, value: "a\\nb"}',
    ): "options.auth.value: holds characters that a header cannot",
    (URL, URL + "\n  body: {a: 1}"): "options.body: needs method: POST",
    (URL, URL + "\n  method: PUT"): "options.method: 'PUT' is unknown",
    (URL, URL + "\n  rate: 5 per minute"): "options.rate: '5 per minute' is not a quota",
    (URL, URL + "\n  max_body: 16"): "options.max_body: must be text; put it in quotes",
    (URL, URL + "\n  max_body: 9GB"): "options.max_body: '9GB' is not from 1024 to 268435456 bytes",
    (URL, URL + "\n  retries: many"): "options.retries: must be a whole number",
    (URL, URL + "\n  retries: true"): "options.retries: must be a whole number",
    (URL, URL + "\n  params: {a: [1]}"): "options.params.a: must be a single value",
    (URL, URL + "\n  since: {field: t}"): "options.since.param: Missing data for required field.",
    (
        URL,
        URL + "\n  since: {field: t, param: p, start: 2020-01-01}",
    ): "options.since.start: '2020-01-01' does not fit",
    (
        URL,
        URL + "\n  since: {field: t, param: p, format: integer, lookback: 1h}",
    ): "options.since.lookback: is a time",
    (SYMBOL, SYMBOL + "\n  pricee_usd: p"): "fields.pricee_usd: unknown field; did you mean price_usd?",
    (SYMBOL, "  price_usd: p"): "fields.symbol: is required by dataset items, but not mapped",
    (SYMBOL, "  symbol: {frm: symbol}"): "fields.symbol.frm: unknown key; did you mean from?",
    (SYMBOL, "  symbol: {trim: false}"): "fields.symbol: needs exactly one of from and constant",
    (SYMBOL, "  symbol: {from: a, constant: b}"): "fields.symbol: needs exactly one of from and constant",
    (SYMBOL, "  symbol: {constant: a, case: upper}"): "fields.symbol.constant: stands alone, without case",
    (SYMBOL, "  symbol: {from: 'a-b'}"): "fields.symbol: 'a-b' is not a JMESPath expression",
    (SYMBOL, "  symbol: {from: a, money: true}"): "fields.symbol.money: makes no sense for type string",
    (SYMBOL, "  symbol: {from: a, zone: UTC}"): "fields.symbol.zone: makes no sense for type string",
    (SYMBOL, "  symbol: {from: a, case: title}"): "fields.symbol.case: 'title' is unknown",
    (
        SYMBOL,
        SYMBOL + "\n  seen: {from: a, money: true}",
    ): "fields.seen.money: makes no sense for type datetime",
    (
        SYMBOL,
        SYMBOL + "\n  seen: {from: a, case: upper}",
    ): "fields.seen.case: makes no sense for type datetime",
    (
        SYMBOL,
        SYMBOL + "\n  seen: {from: a, zone: Europe/Berln}",
    ): "fields.seen.zone: 'Europe/Berln' is not a time zone; did",
    (SYMBOL, SYMBOL + "\n  seen: {from: a, format: '%q'}"): "fields.seen.format: '%q' is neither epoch",
    (
        SYMBOL,
        SYMBOL + "\n  seen: {from: a, format: '%d.%m.'}",
    ): "fields.seen.format: '%d.%m.' is neither epoch",
    (
        SYMBOL,
        SYMBOL + "\n  seen: {constant: yesterday}",
    ): "fields.seen.constant: 'yesterday' is not a valid datetime",
    (
        SYMBOL,
        SYMBOL + "\n  born: {from: a, format: epoch}",
    ): "fields.born.format: makes no sense for type date",
    (
        SYMBOL,
        SYMBOL + "\n  price_usd: {from: a, format: epoch}",
    ): "fields.price_usd.format: makes no sense for type",
    (
        SYMBOL,
        SYMBOL + "\n  price_usd: {from: a, default: none}",
    ): "fields.price_usd.default: 'none' is not a valid decimal",
    (SYMBOL, SYMBOL + "\n  price_usd: {from: a, nulls: n/a}"): "fields.price_usd.nulls: must be a list",
}


@pytest.mark.parametrize(("change", "message"), WRONG_SOURCES.items(), ids=[new for _, new in WRONG_SOURCES])
def test_refuses_a_source(files: Files, change: tuple[str, str], message: str) -> None:
    problems = files.write("sources/coins", API.replace(*change)).problems()

    assert any(problem.startswith(f"catalog/sources/coins.yaml: {message}") for problem in problems)


WRONG_OPTIONS = {
    "path: ''": "path: must not be empty",
    "path: ../coins.csv": "path: '../coins.csv' must be relative to FILES_ROOT",
    "path: /etc/passwd": "path: '/etc/passwd' must be relative to FILES_ROOT",
    "path: a, compression: zip": "compression: 'zip' is unknown",
    "path: a, encoding: utf-9": "encoding: 'utf-9' is not a text encoding",
    "path: a, encoding: hex": "encoding: 'hex' is not a text encoding",
    "path: a, delimiter: ';;'": "delimiter: must be one ASCII character",
    "path: a, delimiter: '\"'": "quote: is the delimiter as well",
    "path: a, header: false": "header: must be a list with at least one value",
    "path: a, header: [id, id]": "header: holds the same value twice",
    "path: a, skip_lines: -1": "skip_lines: must be from 0",
    "path: a, page_size: 1B": "page_size: '1B' is not from",
    "path: a, url: b": "url: unknown key",
}


@pytest.mark.parametrize(("options", "message"), WRONG_OPTIONS.items(), ids=WRONG_OPTIONS)
def test_refuses_options_of_a_file(files: Files, options: str, message: str) -> None:
    [problem] = files.write("sources/coins", FILE.replace("path: coins.csv", options)).problems()

    assert problem.startswith(f"catalog/sources/coins.yaml: options.{message}")


def test_reads_a_source_of_json_lines(files: Files) -> None:
    text = FILE.replace("csv_file", "jsonl_file").replace("symbol: symbol", "symbol: 'a.b[0]'")
    source = files.source(text.replace("coins.csv", "'coins/*.jsonl', page_size: 2MB"))

    assert source.paths == ("id", "a.b[0]")
    assert source.upstream == "coins/*.jsonl"
    assert source.pull.keywords == {  # type: ignore[attr-defined]  # a partial
        "root": Path("files"),
        "path": "coins/*.jsonl",
        "compression": "auto",
        "page_size": 2 * 1024**2,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    {
        ("path: coins.csv", "path: a, encoding: latin-1"): "options.encoding: unknown key",
        ("path: coins.csv", "path: a, header: true"): "options.header: unknown key",
        ("symbol: symbol", "symbol: a-b"): "fields.symbol: 'a-b' is not a JMESPath expression",
    }.items(),
)
def test_refuses_a_source_of_json_lines(files: Files, change: tuple[str, str], message: str) -> None:
    [problem] = files.write(
        "sources/coins", FILE.replace("csv_file", "jsonl_file").replace(*change)
    ).problems()

    assert problem.startswith(f"catalog/sources/coins.yaml: {message}")


def test_refuses_columns_that_no_header_names(files: Files) -> None:
    files.write("sources/coins", FILE.replace("path: coins.csv", "path: a, header: [id, symbl]"))

    assert files.problems() == [
        "catalog/sources/coins.yaml: fields.symbol: the header has no column 'symbol'; did you mean symbl?"
    ]


def test_reports_all_errors_of_all_files(files: Files) -> None:
    files.write("datasets/items", DATASET.replace("born: date", "born: dat"))
    files.write("datasets/places", "fields: {name: {type: string, required: true}}")
    files.write(
        "sources/coins",
        API.replace(SYMBOL, "  nam: x").replace(URL, "  uri: x") + "dataset: places\nevry: 5m",
    )
    files.write("sources/broken", "a: [")
    files.write("sources/unset", API.replace("https://api.example.com", "${API_HOST}") + "rate: 5")
    (files.directory / "sources" / "late.yml").write_text(API)

    assert [problem.partition(": ")[0] for problem in files.problems()] == [
        "catalog/datasets/items.yaml",
        "catalog/sources/late.yml",
        "catalog/sources/broken.yaml",
        *["catalog/sources/coins.yaml"] * 5,
        *["catalog/sources/unset.yaml"] * 2,
    ]


def test_an_unset_reference_is_the_only_problem_of_its_place(files: Files) -> None:
    files.write("sources/coins", API.replace("https://api.example.com", "${API_HOST}"))

    assert files.problems() == [
        "catalog/sources/coins.yaml: options.url: API_HOST is not set and has no default"
    ]


def test_a_broken_dataset_is_not_blamed_on_its_sources(files: Files) -> None:
    [problem] = files.write("datasets/items", "fields: [").problems()

    assert problem.startswith("catalog/datasets/items.yaml")


def test_refuses_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        load(tmp_path / "catalog", {}, files_root=tmp_path, kinds=KINDS)

    assert refusal.value.problems == [
        "catalog/datasets: holds no .yaml file",
        "catalog/sources: holds no .yaml file",
    ]


# Places where a wrong value comes from the environment.
LEAKS = [
    URL.replace("https", "${A}"),
    URL + "\n  rate: ${A}",
    URL + "\n  max_body: ${A}",
    URL + "\n  method: ${A}",
    URL + "\n  retries: ${A}",
    URL + "\n  read_timeout: ${A}",
    URL + "\n  records: '${A}['",
    URL + "\n  since: {field: a, param: b, start: '${A}'}",
    URL + "\n  auth: {type: '${A}'}",
    URL + "\n  auth: {type: header, name: '${A} ', value: x}",
    URL + "\nevery: ${A}",
    URL + "\ncron: ${A}",
    URL + "\ndataset: ${A}",
]


@pytest.mark.parametrize("lines", LEAKS)
def test_no_message_shows_a_secret(files: Files, lines: str) -> None:
    problems = files.write("sources/coins", API.replace(URL, lines)).problems(A=SECRET)

    assert problems
    assert not any(SECRET in problem for problem in problems)


@pytest.mark.parametrize("entry", ["default: '${A}'", "format: '${A}'", "zone: '${A}'", "case: '${A}'"])
def test_no_message_shows_a_secret_of_a_mapping(files: Files, entry: str) -> None:
    files.write("sources/coins", API + f"  seen: {{from: a, {entry}}}")

    assert not any(SECRET in problem for problem in files.problems(A=SECRET))


def test_no_repr_shows_a_secret(files: Files) -> None:
    text = API.replace(URL, URL + "\n  auth: {type: header, value: '${KEY}'}\n  params: {q: 'x${KEY}'}")

    source = files.source(text + "  extra: {constant: '\"${KEY}\"'}", KEY=SECRET)

    assert source.pull.keywords["auth"]["value"] == SECRET
    assert source.secrets == ("KEY",)
    assert SECRET not in repr(source)


def test_fills_in_every_default(files: Files) -> None:
    source = files.load().sources["coins"]

    assert source.pull.keywords == {
        "url": "https://api.example.com/v1/coins",
        "method": "GET",
        "headers": {},
        "params": {},
        "body": None,
        "auth": None,
        "records": None,
        "paginate": {"type": "none"},
        "since": None,
        "rate": None,
        "max_body": 16 * 1024**2,
        "connect_timeout": 5.0,
        "read_timeout": 30.0,
        "total_timeout": 120.0,
        "retries": 4,
        "max_pages": 10_000,
        "allow_private": None,
    }
    assert source.keep_raw == timedelta(days=90)
    assert (source.every, source.cron) == (None, None)
    assert source.upstream == "https://api.example.com"


def test_reads_every_option(files: Files) -> None:
    more = """
  method: POST
  body: {a: [1, 0.5, x], b: null}
  records: data.list
  paginate: {type: offset, size: 50}
  since: {field: t, param: after, start: 2020-01-01T00:00:00Z, lookback: 1h}
  rate: 30/minute"""

    source = files.source(API.replace(URL, URL + more) + "every: 5m\nkeep_raw: 1d")

    options = source.pull.keywords
    assert options["body"] == {"a": [1, 0.5, "x"], "b": None}
    paged = {"type": "offset", "param": "offset", "size_param": "limit", "size": 50, "ahead": 1}
    assert options["paginate"] == paged
    assert options["since"] == {
        "field": "t",
        "param": "after",
        "start": "2020-01-01T00:00:00Z",
        "lookback": 3600.0,
        "format": "iso",
    }
    assert options["rate"] == "30/minute"
    assert source.records == "data.list"
    assert (source.every, source.keep_raw) == (timedelta(minutes=5), timedelta(days=1))


PAGINATORS = {
    "{type: page}": {
        "type": "page",
        "param": "page",
        "start": 1,
        "size_param": None,
        "size": None,
        "ahead": 1,
    },
    "{type: offset, size: 50, ahead: 8}": {
        "type": "offset",
        "param": "offset",
        "size_param": "limit",
        "size": 50,
        "ahead": 8,
    },
    "{type: cursor, path: next}": {"type": "cursor", "path": "next", "param": "cursor"},
    "{type: next_url, path: next}": {"type": "next_url", "path": "next"},
    "{type: link}": {"type": "link"},
}


@pytest.mark.parametrize(("written", "loaded"), PAGINATORS.items())
def test_fills_in_a_paginators_defaults(files: Files, written: str, loaded: dict[str, Any]) -> None:
    source = files.source(API.replace(URL, URL + f"\n  paginate: {written}"))

    assert source.pull.keywords["paginate"] == loaded


def test_asks_a_file_for_the_columns_it_needs(files: Files) -> None:
    text = FILE.replace(
        "{symbol: symbol}",
        "{symbol: Ticker, price_usd: {from: Last Price, default: 0}, born: {constant: 2020-01-01}}",
    )

    options = files.source(text).pull.keywords

    assert options["columns"] == ("id", "Ticker")
    assert options["root"] == Path("files")


def test_an_option_may_be_a_reference(files: Files) -> None:
    source = files.source(API.replace(URL, URL + "\n  retries: ${N}"), N="7")

    assert source.pull.keywords["retries"] == 7


def test_upstream_has_no_path_and_small_letters(files: Files) -> None:
    source = files.source(API.replace("https://api.example.com", "HTTP://API.Example.com:8080"))

    assert source.upstream == "http://api.example.com:8080"


def test_the_digest_follows_the_file_alone(files: Files) -> None:
    text = API.replace(URL, URL + "\n  params: {q: '${Q:-1}'}")

    one, other = files.source(text, Q="a").digest, files.source(text + "# a word\n", Q="b").digest
    changed = files.source(text.replace(":-1", ":-2")).digest

    assert one == other
    assert one != changed


def test_bounds_become_canonical(files: Files) -> None:
    files.write(
        "datasets/items",
        DATASET.replace(
            "born: date", 'born: {type: datetime, min: "2020-01-01 00:00Z"}\n  n: {type: decimal, min: 1.50}'
        ),
    )

    dataset = files.load().datasets["items"]

    assert dataset.field("born").min == "2020-01-01T00:00:00.000000+00:00"
    assert dataset.field("n").min == "1.5"


def test_null_words_add_to_the_empty_text(files: Files) -> None:
    source = files.source(API.replace(SYMBOL, "  symbol: {from: symbol, nulls: [n/a, 0, '']}"))

    assert source.mapping[0].nulls == ("", "n/a", "0")


@pytest.mark.parametrize(
    "path", ["data[?length(tags) > `2`]", "data[?sort == 'max']", "data[?a == `true`]", "data[1:5:2]", "@"]
)
def test_takes_a_path_without_numbers(files: Files, path: str) -> None:
    source = files.source(API.replace(URL, f"{URL}\n  records: {json.dumps(path)}"))

    assert source.records == path


@pytest.mark.parametrize(("written", "count"), [("500", 500), ("'500'", 500), ("0", 0), ("0s", 0.0)])
def test_takes_a_lookback_of_numbers(files: Files, written: str, count: int) -> None:
    since = f"{{field: id, param: after, format: integer, lookback: {written}}}"
    source = files.source(API.replace(URL, f"{URL}\n  since: {since}"))

    assert source.pull.keywords["since"]["lookback"] == count


def test_refuses_a_kind_without_a_function(files: Files) -> None:
    assert files.problems(kinds={}) == [
        "catalog/sources/coins.yaml: kind: http_json has a schema, but no function in ingest.kinds.KINDS"
    ]


def test_refuses_a_function_that_does_not_fit(files: Files) -> None:
    def narrow(http: Any, positions: Any, *, url: str) -> Iterator[Any]:
        yield url

    [problem] = files.problems(kinds={"http_json": narrow})

    assert "options: the function of kind http_json does not fit: got an unexpected keyword" in problem
