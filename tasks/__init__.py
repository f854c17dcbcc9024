"""Celery lives here and nowhere else. A task looks up, calls `ingest`, and ends; its arguments are ids."""

from celery import Celery

app = Celery("kasparro")
app.config_from_object("celeryconfig")
