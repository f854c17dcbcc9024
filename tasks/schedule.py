"""Beat's plan: one entry a source, by its name, and the upkeep. `ingest.schedule` decides the slots."""

from typing import Any

from celery import Celery
from celery.schedules import crontab, schedule

from ingest.catalog import catalog
from ingest.declared import Source
from ingest.settings import settings
from tasks import EXPIRES, app
from tasks.upkeep import prune, reconcile, tick


@app.on_after_finalize.connect
def plan(sender: Celery, **_: Any) -> None:
    """Give Beat its entries. What nobody takes expires, so that none pile up; late ticks are harmless."""
    sender.add_periodic_task(settings().reconcile_every, reconcile.s(), name="reconcile", expires=EXPIRES)
    sender.add_periodic_task(crontab(minute="17", hour="3"), prune.s(), name="prune", expires=EXPIRES)
    for source in catalog().sources.values():
        if when := _when(source):
            entry = {"name": f"tick {source.name}", "shadow": f"tick {source.name}"}
            sender.add_periodic_task(when, tick.s(source.name), expires=EXPIRES, **entry)


def _when(source: Source) -> schedule | crontab | None:
    if source.every is not None:
        return schedule(source.every)
    return crontab.from_string(source.cron) if source.cron else None
