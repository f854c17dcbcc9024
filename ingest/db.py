"""One engine a process, with the limits that every connection of ours has."""

from functools import cache

from sqlalchemy import Engine, create_engine

from ingest.settings import settings

# No statement of ours waits for ever: a held lock or a lost network shows up as an error in time.
LIMITS = (
    "-c lock_timeout=10s -c statement_timeout=120s -c idle_in_transaction_session_timeout=30s -c timezone=UTC"
)


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


def new_engine(url: str, *, application: str = "kasparro", limits: str = LIMITS) -> Engine:
    """Return an engine for the URL. Made after a fork, never before."""
    return create_engine(
        url,
        pool_size=4,
        max_overflow=8,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={**NETWORK, "application_name": application, "options": limits},
        hide_parameters=True,
    )


@cache
def engine() -> Engine:
    """The engine of this process, from the settings."""
    return new_engine(settings().database_url)
