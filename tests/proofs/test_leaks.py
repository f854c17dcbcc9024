"""The proof that nothing leaks, small: that it measures, and that it can fail."""

import pytest

from tests.kit.oracle import Shelf
from tests.kit.stage import stage
from tests.proofs import leaks

LOOK = {"runs": 1, "outcome": "succeeded", "files": 8, "threads": 1, "memory": 100_000_000}


def test_nothing_is_left_open(monkeypatch):
    """So few runs are all warming up, which takes some kilobytes a run."""
    monkeypatch.setattr(leaks, "BOUND", 200_000)
    with stage([Shelf("good", "page")], lease=30.0) as place:
        looks = leaks.play(place, "good", 160)

    assert leaks.wrong(looks, "succeeded") == []
    assert len(looks) == leaks.LOOKS


@pytest.mark.parametrize(("what", "each"), [("files", 1), ("threads", 1), ("memory", leaks.BOUND + 1)])
def test_growth_is_told(what, each):
    looks = [LOOK | {"runs": number, what: LOOK[what] + number * each} for number in range(1, 41)]

    [told] = leaks.wrong(looks, "succeeded")

    assert what in told
    assert leaks.wrong([LOOK | {"runs": number} for number in range(1, 41)], "succeeded") == []
