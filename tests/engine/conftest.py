"""How pages are committed, where a test counts what each of them brought."""

import pytest

from ingest import pipeline


@pytest.fixture
def page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page in a commit of its own, though others wait."""
    monkeypatch.setattr(pipeline, "MOST_TOGETHER", 1)
