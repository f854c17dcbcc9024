"""How Celery is set, and why. Tried on Redis and Valkey; the reasons are told in docs/design.md.

Celery on Redis loses messages when a worker is killed and repeats them when a connection is reset. So
PostgreSQL is the queue of record, a message is only a wake-up call, and these settings keep it cheap.
"""

from ingest.settings import settings

_settings = settings()

imports = ("tasks.runs", "tasks.upkeep", "tasks.schedule", "tasks.life")

# The truth about a run is its row. A result backend would add a hang of 19 s when Redis is away.
broker_url = _settings.redis_url
result_backend = None
task_ignore_result = True

# Never unpickle what comes from a network.
task_serializer = "json"
accept_content = ["json"]
enable_utc = True
timezone = "UTC"

# A wake-up goes back to the queue at once when its worker stops or dies; runs.attempts bounds the repeats.
task_acks_late = True
task_reject_on_worker_lost = True
task_acks_on_failure = True
task_acks_on_timeout = True

# One run at a time in each process, and none reserved behind a long one.
worker_pool = "prefork"
worker_concurrency = _settings.worker_concurrency
worker_prefetch_multiplier = 1
worker_disable_prefetch = True

# True would kill and lose the task when Redis restarts; a doubled message is harmless behind the fence.
worker_cancel_long_running_tasks_on_connection_loss = False

broker_connection_retry_on_startup = True
broker_connection_max_retries = None

# A publish ends within about three seconds, whatever Redis does: the row is committed already.
task_publish_retry = True
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}
broker_transport_options = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
    "global_keyprefix": "kasparro:",
}

# Against leaks only: looked at between tasks, never within one.
worker_max_tasks_per_child = 200
worker_max_memory_per_child = 600_000

# Flower shows nothing without these two.
worker_send_task_events = True
task_send_sent_event = True

# structlog owns logging.
worker_hijack_root_logger = False
worker_redirect_stdouts = False

# Upkeep has its own small worker, so that it never waits behind runs of hours.
task_default_queue = "etl.run"
task_routes = {
    "upkeep.*": {"queue": "etl.control"},
    "run": {"queue": "etl.run"},
    "pull": {"queue": "etl.run"},
}
