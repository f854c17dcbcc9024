"""One engine a process, with the limits that every connection of ours has."""

from functools import cache

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from ingest.settings import settings

READ_ONLY = "25006"
# No statement of ours waits for ever: a held lock or a lost network shows up as an error in time.
# What a statement with a method switched off seems to cost would have PostgreSQL (up to 17) compile it first.
LIMITS = "-c lock_timeout=10s -c statement_timeout=120s -c timezone=UTC -c jit=off"


# A host that vanished is noticed in seconds, not after TCP's two hours; text is UTF-8 whatever
# PGCLIENTENCODING says.
NETWORK = {
    "connect_timeout": 2,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "client_encoding": "utf8",
}


def new_engine(
    url: str, *, application: str = "kasparro", idle: float = 30.0, limits: str = LIMITS
) -> Engine:
    """Return an engine for the URL. Made after a fork, never before.

    A transaction that does nothing for `idle` seconds is rolled back by the server.
    """
    options = f"{limits} -c idle_in_transaction_session_timeout={idle * 1000:.0f}"
    made = create_engine(
        url,
        pool_size=4,
        max_overflow=8,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={**NETWORK, "application_name": application, "options": options},
        hide_parameters=True,
    )
    event.listen(made, "handle_error", _leave_read_only)
    return made


def _leave_read_only(context: ExceptionContext) -> None:
    """Give up all connections to a server that takes no writes: since a failover it may be the wrong one."""
    if getattr(context.original_exception, "pgcode", None) == READ_ONLY:
        context.is_disconnect = True


@cache
def engine() -> Engine:
    """The engine of this process, from the settings.

    Whoever froze in the middle of a transaction lets go when the lease of the run is over, not later.
    """
    return new_engine(settings().database_url, idle=settings().lease)
