"""How tests ask for runs."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from models import Run
from tests.conftest import API_KEY
from tests.web.seeding import Seed

KEY = {"x-api-key": API_KEY}


def post(client: FlaskClient, body: Any = None, **headers: str) -> TestResponse:
    """POST /run-etl with the key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        client.post("/run-etl", json=body, headers=KEY | named)
        if body
        else client.post("/run-etl", headers=KEY | named)
    )


def served(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines of the requests that an application made in this test has served."""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if line["event"] == "request served"]


def count_runs(seed: Seed) -> int:
    """How many runs there are."""
    with seed.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Run)) or 0
