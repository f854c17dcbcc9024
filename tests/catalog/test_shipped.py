"""What is shipped: the catalogue loads, its data is as good and as bad as meant, its schemas are fresh."""

import csv
import io

import pytest
from marshmallow import ValidationError

from ingest.catalog import json_schema as catalog_json_schema
from ingest.catalog import load
from ingest.catalog.schema import parsed
from ingest.declared import Catalog, Mapping, Source
from ingest.settings import ROOT

CATALOG = ROOT / "catalog"
# Rows that are meant to be rejected, by key, in the shipped files.
BAD = {
    "coins_csv": {"broken-price", "no-symbol", "leap-year"},
    "coins_quirky_csv": {"oops", "short"},
}


@pytest.fixture(scope="module")
def shipped() -> Catalog:
    return load(CATALOG, {}, files_root=CATALOG / "data")


def rows(source: Source) -> list[dict[str, str]]:
    options = source.pull.keywords
    text = (options["root"] / options["path"]).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=options["delimiter"]))


def all_fit(row: dict[str, str], source: Source) -> bool:
    return all(fits(mapping, row, source) for mapping in source.mapping)


def fits(mapping: Mapping, row: dict[str, str], source: Source) -> bool:
    field, text = source.dataset.field(mapping.field), row[mapping.path or ""].strip()
    if text in mapping.nulls:
        return not field.required
    try:
        return parsed(field.type, text, mapping) is not None
    except ValidationError:
        return False


def test_all_sources_load_without_any_variable(shipped: Catalog) -> None:
    assert sorted(shipped.sources) == ["coingecko", "coinpaprika", "coins_csv", "coins_quirky_csv"]
    assert {source.dataset.name for source in shipped.sources.values()} == {"items"}


def test_apis_point_at_the_real_hosts(shipped: Catalog) -> None:
    hosts = {name: source.upstream for name, source in shipped.sources.items() if source.kind == "http_json"}

    assert hosts == {"coingecko": "https://api.coingecko.com", "coinpaprika": "https://api.coinpaprika.com"}


@pytest.mark.parametrize("name", BAD)
def test_only_the_bad_rows_are_bad(shipped: Catalog, name: str) -> None:
    source = shipped.sources[name]

    bad = [row for row in rows(source) if None in row.values() or not all_fit(row, source)]

    assert {row[source.key[0]] for row in bad} == BAD[name]


@pytest.mark.parametrize(
    ("name", "schema"),
    [("dataset", catalog_json_schema.dataset_schema()), ("source", catalog_json_schema.source_schema())],
)
def test_json_schemas_are_up_to_date(name: str, schema: dict[str, object]) -> None:
    """Otherwise: python -m ingest.catalog.json_schema."""
    written = (CATALOG / f"{name}.schema.json").read_text(encoding="utf-8")

    assert written == catalog_json_schema.text(schema)
