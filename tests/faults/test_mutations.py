"""Bytes damaged at random, through whole runs. `MUTANTS=2000` makes more of them than a test run does."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.mutants import FORMS, PUTS, Ground, mutate_and_check
from tests.upstream import Play, upstream

MUTANTS = int(os.environ.get("MUTANTS", "60"))


@pytest.fixture
def ground(engine, tmp_path):
    with upstream(Play()) as server:
        yield Ground(engine, tmp_path, server)


@pytest.mark.parametrize("form", FORMS)
def test_undamaged(ground, form):
    """Every bad record of the corpus is a reject, every good one is there."""
    getattr(ground, form)(FORMS[form])


@pytest.mark.parametrize("form", FORMS)
def test_damage_loses_nothing_else(ground, form):
    for seed in range(MUTANTS):
        try:
            mutate_and_check(ground, form, seed)
        except Exception as error:
            raise AssertionError(f"{form}, seed {seed}: {error}") from error


@pytest.mark.parametrize("form", FORMS)
def test_any_edit(ground, form):
    """The same for edits of hypothesis' choice, which it makes as simple as it can."""
    data = FORMS[form]
    places = st.integers(0, len(data))
    puts = st.one_of(st.sampled_from(PUTS), st.binary(max_size=8))

    @settings(max_examples=MUTANTS, deadline=None, derandomize=True, database=None)
    @given(places, st.integers(0, 30), puts)
    def check(start, length, put):
        getattr(ground, form)(data[:start] + put + data[start + length :])

    check()
