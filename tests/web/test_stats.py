"""GET /stats and GET /metrics equal what SQL counts."""

from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from tests.web.history import ROWS, ago
from tests.web.seeding import Seed
from webapp.queries.metrics import METRICS


def sql(seed: Seed, statement: str) -> Any:
    """The rows of a statement."""
    with seed.engine.connect() as connection:
        return connection.execute(text(statement)).all()


@pytest.mark.parametrize(("window", "interval"), [("1h", "1 hour"), ("24h", "24 hours"), ("7d", "7 days")])
def test_stats_equal_a_recount(client: FlaskClient, history: Seed, window: str, interval: str) -> None:
    stats = client.get(f"/stats?window={window}").json

    within = f"FROM runs WHERE finished_at >= now() - interval '{interval}' OR state IN ('queued', 'running')"
    states = {state: runs for state, runs in stats["runs"].items() if runs}
    assert states == dict(sql(history, f"SELECT state, count(*) {within} GROUP BY state"))
    [sums] = sql(history, f"SELECT {', '.join(f'sum({name})' for name in ROWS)} {within}")
    assert stats["rows"] == dict(zip(ROWS, map(int, sums), strict=True))
    assert stats["rows"]["fetched"] == sum(stats["rows"][name] for name in ROWS[1:])
    for name in ROWS:
        assert stats["rows"][name] == sum(source["rows"][name] for source in stats["sources"])
    total = sum((Counter(source["runs"]) for source in stats["sources"]), Counter())
    assert total == Counter(states)


def test_stats_of_a_source(client: FlaskClient, history: Seed) -> None:
    stats = {source["source"]: source for source in client.get("/stats").json["sources"]}

    prices = stats["prices"]
    assert prices["health"] == "warning"
    assert prices["runs"]["succeeded"] == 2
    assert prices["duration"] == {"mean_s": 4.0, "longest_s": 4.0}
    assert prices["last_run"]["state"] == "succeeded"
    assert 30 <= prices["freshness_s"] <= 60
    assert prices["rejects_open"] == 3
    assert prices["rows_per_run"] == [6, 6, 6, 6]
    assert prices["last_failure_at"] < prices["last_success_at"]
    assert stats["by_hand"]["health"] == "degraded"
    assert stats["by_hand"]["next_due_at"] is None


def test_stats_of_nothing(client: FlaskClient) -> None:
    stats = client.get("/stats").json

    assert {source["health"] for source in stats["sources"]} == {"unknown"}
    assert stats["queue"] == {"ready": 0, "running": 0, "oldest_age_s": 0}
    assert stats["rows"] == dict.fromkeys(ROWS, 0)
    assert stats["workers"] == {}


def test_queue(client: FlaskClient, history: Seed) -> None:
    queue = client.get("/stats").json["queue"]

    assert (queue["ready"], queue["running"]) == (1, 1)
    assert 420 <= queue["oldest_age_s"] < 430


def test_late_source(client: FlaskClient, seed: Seed) -> None:
    """Due every 5 minutes; the last run was requested 20 minutes ago."""
    seed.run(created_at=ago(minutes=20))
    [prices] = [each for each in client.get("/stats").json["sources"] if each["source"] == "prices"]

    assert 15 * 60 <= prices["late_by_s"] <= 20 * 60
    assert prices["health"] == "warning"

    seed.run(state="queued", started_at=None)
    [prices] = [each for each in client.get("/stats").json["sources"] if each["source"] == "prices"]
    assert prices["late_by_s"] == 0


def test_unknown_window(client: FlaskClient) -> None:
    assert client.get("/stats?window=1y").status_code == 422


def samples(client: FlaskClient) -> dict[str, dict[tuple[str, ...], float]]:
    """The scraped metrics: by name, by label values."""
    reply = client.get("/metrics")
    assert reply.status_code == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(reply.text):
        labels = METRICS[family.name].labels
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels[name] for name in labels)] = sample.value
    return found


def test_metrics_equal_a_recount(client: FlaskClient, history: Seed) -> None:
    found = samples(client)

    runs = sql(history, "SELECT source, state, count(*) FROM runs GROUP BY 1, 2")
    assert found["kasparro_runs"] == {(source, state): many for source, state, many in runs}
    inserted = sql(history, "SELECT source, sum(inserted) FROM runs GROUP BY 1")
    for source, many in inserted:
        assert found["kasparro_rows_total"][source, "inserted"] == many
    assert found["kasparro_rejects_open"] == {("prices", "required"): 2, ("prices", "not_a_number"): 1}
    assert found["kasparro_lease_expiries_total"]["by_hand",] == 2
    assert 420 <= found["kasparro_queue_oldest_age_seconds"][()] < 430
    assert 30 <= found["kasparro_last_success_age_seconds"]["prices",] < 60


def test_every_metric_is_scraped(client: FlaskClient, history: Seed) -> None:
    found = {name.removesuffix("_total") for name in samples(client)}

    assert found == set(METRICS)
