"""A source at an address that is not public: refused, unless the setting or its own option allows it."""

import json

import pytest

from local.sandbox.server import Sandbox
from tests.cli.shop import call
from tests.cli.test_check import found
from tests.cli.test_preview import API

MEND = "allow_private: true in the source's options, or the setting ALLOW_PRIVATE=true"


@pytest.fixture
def market(open_shop, monkeypatch):
    """Declare the source with an option, under a setting; what it asks is on this machine."""
    with Sandbox("coingecko") as api:

        def declare(option, setting):
            line = "" if option is None else f"options:\n  allow_private: {option}"
            open_shop.source("market", (API % api.url).replace("options:", line or "options:"))
            monkeypatch.setenv("ALLOW_PRIVATE", setting)
            call("migrate")
            return api

        yield declare


@pytest.mark.parametrize(("option", "setting"), [(None, ""), (None, "false"), ("false", "true")])
def test_is_refused(market, option, setting):
    """Fetched for a look, for a run, and looked at by check: none goes there, all say how to allow it."""
    api = market(option, setting)

    preview, run, check = call("preview", "market"), call("run", "market", "--local"), call("check")

    assert (preview.exit_code, run.exit_code, check.exit_code) == (1, 1, 5)
    assert MEND in preview.stderr
    assert "127.0.0.1 is not a public address" in run.output
    assert f"fix: if it is meant to be there: {MEND}" in check.stdout
    assert api.requests == []


@pytest.mark.parametrize(("option", "setting"), [(None, "true"), ("true", "false"), ("true", "")])
def test_is_allowed(market, option, setting):
    market(option, setting)

    assert call("preview", "market", "-n", "1").exit_code == 0
    assert found(call("check", "--json"))["source market"] == "ok"
    assert json.loads(call("run", "market", "--local", "--json").stdout)["state"] == "succeeded"


def test_setting_that_is_no_boolean(shop, monkeypatch):
    shop.source("market", API % "http://127.0.0.1:1")
    monkeypatch.setenv("ALLOW_PRIVATE", "perhaps")

    preview, check = call("preview", "market"), call("check")

    assert (preview.exit_code, check.exit_code) == (5, 5)
    assert "ALLOW_PRIVATE: Not a valid boolean" in preview.stderr
    assert "✗ settings: ALLOW_PRIVATE" in check.stdout
