"""Life and death of worker processes: signs of life, logs, connections after a fork, an orderly stop."""

import multiprocessing
from typing import Any

import redis
import structlog
from celery import signals

from ingest import db, log
from ingest.heartbeat import beat, connect
from ingest.settings import settings

logger = structlog.get_logger()

# Made before the fork, so that the main process can tell its children: finish the page, then stop. Celery's
# own soft shutdown would sleep its whole time out, and its warm shutdown waits for runs of hours.
_STOPPING = multiprocessing.get_context("fork").Event()


def stopping() -> bool:
    """Whether this worker was asked to stop."""
    return _STOPPING.is_set()


@signals.worker_shutting_down.connect
def _stop_at_page_end(**_: Any) -> None:
    _STOPPING.set()


@signals.setup_logging.connect
def _log_as_json(**_: Any) -> None:
    log.configure(settings().log_level)


@signals.worker_process_init.connect
def _forget_inherited_connections(**_: Any) -> None:
    """A connection that two processes share breaks both."""
    db.engine.cache_clear()


@signals.worker_init.connect
@signals.beat_init.connect
def _expect_the_right_password(**_: Any) -> None:
    """Celery would try again for ever. A Redis that is away is another matter: it may come."""
    try:
        with connect(settings().redis_url, timeout=5) as client:
            client.ping()
    except redis.AuthenticationError as error:
        raise SystemExit(f"Redis does not let us in: {error} Mend the password in REDIS_URL.") from None
    except redis.RedisError as error:
        logger.warning("redis away at start", error=type(error).__name__)


@signals.heartbeat_sent.connect
def _beat_of_worker(sender: Any, **_: Any) -> None:
    show_sign_of_life(sender.eventer.hostname.partition("@")[0])


def show_sign_of_life(role: str) -> None:
    """Note that the role is alive. What fails is told, and stops nothing."""
    try:
        with connect(settings().redis_url) as client:
            beat(client, role)
    except redis.RedisError as error:
        logger.warning("no sign of life given", error=type(error).__name__)


@signals.before_task_publish.connect
def _send_context(headers: dict[str, Any], **_: Any) -> None:
    """The request id of the web request goes along, so that one search finds both sides."""
    headers["log_context"] = structlog.contextvars.get_contextvars()


@signals.task_prerun.connect
def _bind_context(task: Any, **_: Any) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**(task.request.get("log_context") or {}))


@signals.task_postrun.connect
def _clear_context(**_: Any) -> None:
    structlog.contextvars.clear_contextvars()
