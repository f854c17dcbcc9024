"""Metrics, computed from PostgreSQL at scrape: exact after any restart. A metric is one entry here."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from models import PULLS
from webapp.database import db
from webapp.queries.runs import OUTCOMES


@dataclass(frozen=True)
class Entry:
    """One metric. The select gives its labels, in order, and then the value."""

    help: str
    labels: tuple[str, ...]
    select: str
    family: type[GaugeMetricFamily] | type[CounterMetricFamily] = GaugeMetricFamily


_OUTCOMES = ", ".join(f"('{name}', {name})" for name in OUTCOMES)

# Made of names in the code and of nothing else.
_ROWS = (
    f"SELECT source, outcome, sum(rows) FROM runs, LATERAL (VALUES {_OUTCOMES}) AS o(outcome, rows)"  # nosec B608
    " GROUP BY source, outcome"
)
_LAST_SUCCESS = (
    "SELECT source, extract(epoch FROM now() - max(finished_at)) FROM runs"  # nosec B608
    f" WHERE state = 'succeeded' AND mode IN {PULLS} GROUP BY source"
)

METRICS: dict[str, Entry] = {
    "kasparro_runs": Entry(
        "Runs on record by source and state.",
        ("source", "state"),
        "SELECT source, state, count(*) FROM runs GROUP BY source, state",
    ),
    "kasparro_rows": Entry(
        "Records by source and what became of them.",
        ("source", "outcome"),
        _ROWS,
        CounterMetricFamily,
    ),
    "kasparro_pages": Entry(
        "Pages loaded by source.",
        ("source",),
        "SELECT source, sum(pages) FROM runs GROUP BY source",
        CounterMetricFamily,
    ),
    "kasparro_last_success_age_seconds": Entry(
        "Seconds since the source's last pull that succeeded.",
        ("source",),
        _LAST_SUCCESS,
    ),
    "kasparro_queue_oldest_age_seconds": Entry(
        "Seconds that the oldest queued run has waited; 0 when none waits.",
        (),
        "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM runs WHERE state = 'queued'",
    ),
    "kasparro_lease_expiries": Entry(
        "Times that a worker lost its lease (killed or stuck) by source.",
        ("source",),
        "SELECT source, sum(lease_expiries) FROM runs GROUP BY source",
        CounterMetricFamily,
    ),
    "kasparro_rejects_open": Entry(
        "Records set aside and not settled, by source and reason.",
        ("source", "reason"),
        "SELECT source, reason, count(*) FROM rejects WHERE state = 'open' GROUP BY source, reason",
    ),
    "kasparro_source_enabled": Entry(
        "1 for a source that is switched on, 0 for one that is off.",
        ("source",),
        "SELECT name, enabled::int FROM sources",
    ),
}


class _FromPostgres(Collector):
    def collect(self) -> Iterator[Metric]:
        for name, entry in METRICS.items():
            yield _family(name, entry)


def _family(name: str, entry: Entry) -> Metric:
    family = entry.family(name, entry.help, labels=entry.labels)
    for *labels, value in db.session.execute(text(entry.select)):
        family.add_metric(labels, float(value))
    return family


def scrape() -> bytes:
    """All metrics in Prometheus' text format."""
    # Registering would collect once just to learn the names.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FromPostgres())
    return generate_latest(registry)
