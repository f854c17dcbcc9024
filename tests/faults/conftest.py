"""A shop whose API a test scripts; retries follow at once, for what is waited for is tested elsewhere."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest import in_turn, pipeline
from tests.conftest import forget
from tests.faults.shop import Shop


@pytest.fixture
def shop(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop, not declared yet."""
    monkeypatch.setenv("CATALOG_DIR", str(tmp_path))
    monkeypatch.setattr("random.random", lambda: 0.0)
    forget()
    return Shop(tmp_path, engine)


@pytest.fixture(autouse=True)
def one_page_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that statements are met in the order of the pages; several at a time are in the proofs' hands."""
    monkeypatch.setattr(in_turn, "AT_A_TIME", 1)
    monkeypatch.setattr(pipeline, "MOST_TOGETHER", 1)
