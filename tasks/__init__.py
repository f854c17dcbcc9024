"""Celery lives here and nowhere else. A task looks up, calls `ingest`, and ends; its arguments are ids."""

from celery import Celery

app = Celery("kasparro")
app.config_from_object("celeryconfig")


def answer_people() -> None:
    """Make publishing in this process give up within three seconds, also when Redis is frozen.

    redis-py asks three times. A worker may wait longer: there a slow broker is better than a lost connection.
    """
    app.conf.broker_transport_options.update(socket_timeout=1, socket_connect_timeout=1)
