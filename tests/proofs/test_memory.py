"""The proof of bounded memory, small, and that it can fail."""

import pytest

from tests.proofs import memory
from tests.proofs.awkward import CASES, MB

TRIED = ("one line", "a quote that never closes", "gzip bomb", "JSON page at the cap", "JSON of numbers")
TRIED += ("JSON line without end", "JSON lines of many values")


@pytest.fixture(scope="module")
def stands():
    with memory.place(CASES) as made:
        yield made


@pytest.mark.parametrize("case", [case for case in CASES if case.name in TRIED], ids=lambda case: case.name)
def test_memory_is_bounded(stands, case):
    figures, violations = memory.play(stands, case, 20)

    assert violations == []
    assert "peak" in figures


def test_the_bound_bites(stands, monkeypatch):
    """Every process takes more than a megabyte."""
    monkeypatch.setattr(memory, "BOUND", MB)
    _, violations = memory.play(stands, CASES[0], 1)

    assert [violation for violation in violations if "more than 1" in violation]
