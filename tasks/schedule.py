"""Beat's plan: one entry a source, by its name, and the upkeep. `ingest.schedule` decides the slots."""

from typing import Any

from celery import Celery
from celery.schedules import crontab, schedule

from ingest.catalog import catalog
from ingest.declared import Source
from ingest.settings import settings
from tasks import app
from tasks.upkeep import prune, reconcile, tick


@app.on_after_finalize.connect
def plan(sender: Celery, **_: Any) -> None:
    """Give Beat its entries. A tick that nobody takes expires with its interval, so none pile up."""
    every = settings().reconcile_every
    sender.add_periodic_task(every, reconcile.s(), name="reconcile", expires=every)
    sender.add_periodic_task(crontab(minute="17", hour="3"), prune.s(), name="prune", expires=3600)
    for source in catalog().sources.values():
        if when := _when(source):
            entry = {"name": f"tick {source.name}", "shadow": f"tick {source.name}"}
            sender.add_periodic_task(when, tick.s(source.name), expires=_expires(source), **entry)


def _when(source: Source) -> schedule | crontab | None:
    if source.every is not None:
        return schedule(source.every)
    return crontab.from_string(source.cron) if source.cron else None


def _expires(source: Source) -> float:
    return source.every.total_seconds() if source.every is not None else 60.0
