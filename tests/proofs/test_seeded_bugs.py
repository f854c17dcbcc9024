"""The places where bugs are seeded are still there; `make seeded-bugs` seeds them."""

import ast

import pytest

from ingest.settings import ROOT
from tests.proofs.bugs import BUGS


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_place_is_there_once(bug):
    text = (ROOT / bug.file).read_text()
    assert text.count(bug.right) == 1
    ast.parse(text.replace(bug.right, bug.wrong))
    assert bug.right != bug.wrong
    assert all((ROOT / test).exists() for test in bug.tests)
