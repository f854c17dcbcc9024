"""The API keeps the promises of its own description, whatever is sent to it. Checked by schemathesis."""

import hypothesis
import pytest
import schemathesis
from flask import Flask
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.conftest import API_KEY
from tests.web.seeding import Seed
from tests.web.test_matrix import ID, ROUTES

PLAIN = {"GET /", "GET /docs", "GET /openapi.json", "GET /static/<path:filename>"}
DESCRIBED = sorted(set(ROUTES) - PLAIN)
# Their datasets, columns and cursors are known by name to the catalogue and to whoever was given them:
# what fits the description may be none of them. And what does not fit may be read all the same: a query
# string has only text, in which one number is a list of one, and a day is an instant.
LOOKED_UP = {"GET /data", f"GET /data/{ID}", f"GET /data/{ID}/raw", "GET /runs", "GET /rejects"}
# Without parameters there is nothing to break.
BARE = {"GET /health", "GET /health/live", "GET /metrics", "GET /sources"}
CASES = [
    (route, mode)
    for route in DESCRIBED
    for mode in GenerationMode
    if route not in BARE or mode == GenerationMode.POSITIVE
]


@pytest.fixture
def described(app: Flask, seed: Seed) -> BaseSchema:
    """The description, with rows behind it."""
    raw = seed.raw(b'[{"id":"a","symbol":"A"}]')
    seed.item(raw_id=raw), seed.run(), seed.reject()
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.parametrize(("route", "mode"), CASES)
def test_description_is_kept(described: BaseSchema, route: str, mode: GenerationMode) -> None:
    """What is sent fits the description, or breaks it on purpose; what comes back is as described."""
    method, path = route.split()
    operation = described[path.replace(ID, "{id}")][method]
    excluded = [positive_data_acceptance, negative_data_rejection] if route in LOOKED_UP else []

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=40,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def keeps(case: Case) -> None:
        case.call_and_validate(headers={"x-api-key": API_KEY}, excluded_checks=excluded)

    keeps()
