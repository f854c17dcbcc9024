"""`kasparro preview`: rows and would-be rejects of a source, nothing written, nothing needed."""

import json

import pytest

from local.sandbox.server import Sandbox
from tests.cli.shop import call

API = """
dataset: things
kind: http_json
options:
  url: %s/coins/markets
  params: {vs_currency: usd, order: id_asc}
  paginate: {type: page, size_param: per_page, size: 50}
key: id
fields: {name: id, price: current_price}
"""

LINES = """
dataset: things
kind: jsonl_file
options: {path: "*.jsonl"}
key: id
fields: {name: a.name, price: price}
"""


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch):
    """Neither database nor Redis."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")


def test_shows_rows_and_rejects(shop):
    result = call("preview", "shop")

    assert result.exit_code == 0, result.output
    assert ["a", "apple", "1.1"] in [line.split() for line in result.stdout.splitlines()]
    assert ["c", "plum", "-"] in [line.split() for line in result.stdout.splitlines()]
    assert "would be rejected: 1" in result.stdout
    assert "price" in result.stdout.partition("would be rejected")[2]
    assert "nothing was written" in result.stderr


def test_json_has_typed_values(shop):
    document = json.loads(call("preview", "shop", "--json").stdout)

    assert document["rows"][0] == {"key": "a", "name": "apple", "price": 1.1}
    assert (document["good"], document["rejected"]) == (3, 1)
    assert document["rejects"][0]["field"] == "price"


def test_shows_no_more_than_asked(shop):
    document = json.loads(call("preview", "shop", "-n", "2", "--json").stdout)

    assert [row["key"] for row in document["rows"]] == ["a", "b"]


def test_text_comes_as_it_is(shop):
    """Tabs, line ends and backslashes travel escaped inside the engine."""
    (shop.files / "shop.csv").write_text('id,name,price\nx,"tab\there\nand \\ there",1\n')

    (row,) = json.loads(call("preview", "shop", "--json").stdout)["rows"]

    assert row["name"] == "tab\there\nand \\ there"


def test_asks_an_api_once(shop):
    with Sandbox("coingecko") as api:
        shop.source("market", API % api.url)
        result = call("preview", "market", "-n", "3", "--json")

    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["rows"]) == 3
    assert len(api.requests) == 1


def test_json_lines(shop):
    lines = ['{"id": "x", "a": {"name": "apple"}, "price": 1.10}', "{", '{"id": "y", "a": {"name": "plum"}}']
    (shop.files / "shop.jsonl").write_text("\n".join(lines))
    shop.source("lines", LINES)

    document = json.loads(call("preview", "lines", "--json").stdout)

    assert document["rows"] == [
        {"key": "x", "name": "apple", "price": 1.1},
        {"key": "y", "name": "plum", "price": None},
    ]
    assert [(each["reason"], each["position"]) for each in document["rejects"]] == [
        ("not_json", "shop.jsonl line 2")
    ]


def test_api_away_is_told(shop):
    shop.source("market", (API % "http://127.0.0.1:1").replace("options:", "options:\n  retries: 0"))

    result = call("preview", "market")

    assert result.exit_code == 4
    assert "127.0.0.1" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_unknown_source_has_a_suggestion(shop):
    result = call("preview", "shpo")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean shop?" in result.stderr


def test_invalid_catalogue_is_told_at_once(shop):
    shop.source("one", "kind: nonsense\n")
    shop.source("two", "kind: csv_file\n")

    result = call("preview", "shop")

    assert result.exit_code == 5
    assert "sources/one.yaml" in result.stderr
    assert "sources/two.yaml" in result.stderr
