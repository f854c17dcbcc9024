"""kombu's Redis transport, where what is wrong with one message costs no worker.

One that is not of Celery's making is dropped and told. kombu lets the error out: the worker ends, and a
message that it had taken already is put back, so that the next worker ends as well (kombu 5.7, tried with one
that lacks its content-encoding). One that cannot be acknowledged holds no slot.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from kombu.transport import redis

log = structlog.get_logger()

OURS = "etl."
PLAIN = {"content-type": "application/json", "content-encoding": "utf-8"}
# What Celery's own delays and retries would set; ours are in the run's row.
NEVER_SENT = {"eta": (None,), "retries": (None, 0), "timelimit": (None, [None, None]), "compression": (None,)}


class QoS(redis.QoS):
    """Which messages are under way; one that cannot be acknowledged is so no longer.

    kombu goes on counting it, so that a worker with all its slots counted asks for no other message, and
    notices no lost connection: alive, and deaf for ever (kombu 5.7, tried). Redis gives the message to
    somebody again after the visibility timeout, and to wake a run twice is harmless.
    """

    def ack(self, delivery_tag: str) -> None:
        """Say that a message is done."""
        with self._over(delivery_tag):
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Say that a message is for somebody else, or for nobody."""
        with self._over(delivery_tag):
            super().reject(delivery_tag, requeue=requeue)

    @contextmanager
    def _over(self, delivery_tag: str) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._quick_ack(delivery_tag)
            raise


class Channel(redis.Channel):
    """A channel that survives what is not JSON."""

    QoS = QoS

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, RecursionError) as error:
            log.warning("message dropped", reason=f"not JSON: {type(error).__name__}")
            return True


class Transport(redis.Transport):
    """The transport of redis:// and rediss:// in our processes."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        # Orders to workers (celery inspect) have another form, and kombu looks at them itself.
        if queue.startswith(OURS) and not well_formed(message):
            log.warning("message dropped", queue=queue, reason="not a message of Celery's protocol 2")
            return
        super()._deliver(message, queue)


def well_formed(message: Any) -> bool:
    """Whether Celery can take it without stumbling: parts, encodings, types. Tasks and arguments it checks.

    https://docs.celeryq.dev/en/stable/internals/protocol.html#version-2
    """
    try:
        headers, properties = message["headers"], message["properties"]
        args, kwargs, embed = json.loads(base64.b64decode(message["body"]))
        texts = headers["task"], headers["id"], properties["delivery_tag"]
        plain = all(message[name] == value for name, value in PLAIN.items())
        usual = all(headers.get(name) in values for name, values in NEVER_SENT.items())
        delivered = properties["body_encoding"] == "base64" and isinstance(properties["delivery_info"], dict)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False
    shaped = isinstance(args, list) and isinstance(kwargs, dict) and isinstance(embed, dict)
    return plain and usual and delivered and shaped and all(isinstance(text, str) for text in texts)
