"""`kasparro check`: what is in place, what is not, and how to mend it."""

import json

import pytest

from ingest.heartbeat import ROLES, beat, connect
from local.sandbox.server import Sandbox
from tests.cli.shop import call
from tests.cli.test_preview import API


def found(result):
    """The states by name of check."""
    return {line["name"]: line["state"] for line in map(json.loads, result.stdout.splitlines())}


def test_all_is_well(open_shop, redis_url):
    with connect(redis_url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        for role in ROLES:
            beat(client, role)

    result = call("check")

    assert result.exit_code == 0, result.output
    assert "✗" not in result.stdout
    assert "! " not in result.stdout
    assert "✓ source shop: shop.csv: 1 file(s)" in result.stdout


def test_missing_workers_are_no_failure(open_shop):
    result = call("check", "--json")

    assert (result.exit_code, found(result)["workers"]) == (0, "warn")


def test_every_catalogue_error_is_there(open_shop):
    open_shop.source("one", "kind: nonsense\n")
    open_shop.source("two", "kind: csv_file\n")

    result = call("check")

    assert result.exit_code == 5
    assert "✗ catalogue: catalog/sources/one.yaml" in result.stdout
    assert "✗ catalogue: catalog/sources/two.yaml" in result.stdout
    assert "✓ database" in result.stdout


def test_missing_setting_is_told(shop, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)

    result = call("check", "--json")

    assert result.exit_code == 5
    assert found(result) == {"catalogue": "ok", "settings": "fail", "source shop": "ok"}


def test_servers_away(shop, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    result = call("check", "--json")

    assert result.exit_code == 6
    assert (found(result)["database"], found(result)["redis"]) == ("fail", "fail")


def test_new_source_asks_for_migrate(open_shop):
    open_shop.source("stall")
    open_shop.sell("stall")

    result = call("check")

    assert result.exit_code == 6
    assert "not registered yet: stall" in result.stdout
    assert "fix: kasparro migrate" in result.stdout


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_upstream_away(open_shop, url):
    open_shop.source("market", API % url)
    call("migrate")

    result = call("check", "--json")

    assert (result.exit_code, found(result)["source market"]) == (4, "fail")


def test_upstream_is_not_asked(open_shop):
    with Sandbox("coingecko") as api:
        open_shop.source("market", API % api.url)
        call("migrate")
        result = call("check", "--json")

    assert found(result)["source market"] == "ok"
    assert api.requests == []


def test_missing_file(open_shop):
    (open_shop.files / "shop.csv").unlink()

    assert call("check").exit_code == 4
