"""A catalogue of one slow API source, over the sandbox."""

import textwrap

import pytest

from ingest import catalog, db
from ingest.migrate import migrate
from local.sandbox.server import Sandbox
from local.sandbox.world import World
from tests.conftest import forget
from tests.tasks.system import system

SOURCE = """
    dataset: items
    kind: http_json
    {schedule}
    options:
      url: {url}/coins/markets
      params: {{vs_currency: usd, order: id_asc}}
      paginate: {{type: page, size_param: per_page, size: 100}}
    key: id
    fields:
      symbol: {{from: symbol, case: upper}}
      name: name
      price_usd: current_price
      observed_at: last_updated
"""


@pytest.fixture
def box():
    """CoinGecko's stand-in over 600 coins: six pages of 100."""
    with Sandbox("coingecko", world=World(size=600)) as sandbox:
        yield sandbox


@pytest.fixture
def declare(database, box, tmp_path, monkeypatch):
    """Declare the source `coins` with a schedule of one's choice, and migrate to it."""

    def write(schedule=""):
        folder = tmp_path / "catalog"
        (folder / "sources").mkdir(parents=True)
        (folder / "datasets").mkdir()
        (folder / "sources" / "coins.yaml").write_text(
            textwrap.dedent(SOURCE.format(url=box.url, schedule=schedule))
        )
        shipped = catalog.catalog().datasets and (db.settings().catalog_dir / "datasets" / "items.yaml")
        (folder / "datasets" / "items.yaml").write_text(shipped.read_text())
        monkeypatch.setenv("CATALOG_DIR", str(folder))
        forget()
        migrate(db.engine(), catalog.catalog())

    return write


@pytest.fixture
def running(tmp_path):
    """The processes of the test."""
    with system(tmp_path) as processes:
        yield processes
