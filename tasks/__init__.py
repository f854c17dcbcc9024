"""Celery lives here and nowhere else. A task looks up, calls `ingest`, and ends; its arguments are ids."""

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

# Reconcile publishes again what still waits, so messages must not pile up for ever. Celery compares the clock
# of whoever publishes with the worker's, which may be minutes apart: with a short time none would be taken.
EXPIRES = 1800

# By the names of URLs, not by the setting broker_transport, which Flower would take for the URL's own name.
TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "tasks.transport:Transport"))

app = Celery("kasparro")
app.config_from_object("celeryconfig")


def answer_people() -> None:
    """Make publishing in this process give up within three seconds, also when Redis is frozen.

    redis-py asks three times. A worker may wait longer: there a slow broker is better than a lost connection.
    """
    app.conf.broker_transport_options.update(socket_timeout=1, socket_connect_timeout=1)
