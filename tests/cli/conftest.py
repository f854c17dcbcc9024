"""A catalogue of one shop, and a database that knows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest import runs
from tests.cli.shop import Shop, call
from tests.conftest import forget


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The source `shop` with three good records and a bad one; no database."""
    made = Shop(tmp_path)
    made.source("shop")
    made.sell("shop", "a,apple,1.10", "b,pear,2", "c,plum,", "d,nut,many")
    monkeypatch.setenv("CATALOG_DIR", str(made.catalog))
    monkeypatch.setenv("FILES_ROOT", str(made.files))
    forget()
    yield made
    forget()


@pytest.fixture
def open_shop(database: str, shop: Shop) -> Shop:
    """The shop, and a database that is migrated for it."""
    assert call("migrate").exit_code == 0
    return shop


@pytest.fixture
def queued(open_shop: Shop, engine: Engine) -> int:
    """A run of the shop that nobody carries out."""
    with engine.begin() as tx:
        return runs.request(tx, "shop", trigger="api").run_id
