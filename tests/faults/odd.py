"""A Celery process of the kit with oddities: `python -m tests.faults.odd '{"clock": 600}' worker -Q etl.run`.

clock       seconds by which the clock of this process is wrong
visibility  seconds after which Redis delivers a message again that nobody has acknowledged
warm        use connections to PostgreSQL and Redis in the main process, before it forks
"""

import datetime
import json
import sys
import time
from typing import Any

HONEST, HONEST_TIME = datetime.datetime, time.time


def shift_clock(seconds: float) -> None:
    """Put the clock of this process wrong, for all that is imported from now on."""
    off = datetime.timedelta(seconds=seconds)

    class Kind(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, HONEST)

    class Shifted(HONEST, metaclass=Kind):
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            return HONEST(*args, **kwargs)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return HONEST.now(tz) + off

        @classmethod
        def utcnow(cls) -> Any:
            return HONEST.now(datetime.UTC).replace(tzinfo=None) + off

    time.time = lambda: HONEST_TIME() + seconds
    datetime.datetime = Shifted  # type: ignore[misc]


def use_connections() -> None:
    """What a main process must not do, and what its children have to survive."""
    from sqlalchemy import text

    from ingest.db import engine
    from ingest.heartbeat import beat, connect
    from ingest.settings import settings

    with engine().connect() as connection:
        connection.execute(text("SELECT 1"))
    beat(connect(settings().redis_url), "main")


def main(oddities: dict[str, float], arguments: list[str]) -> None:
    """Be a Celery process, with these oddities."""
    shift_clock(oddities.get("clock", 0))
    from tests.kit.worker import app

    if seconds := oddities.get("visibility"):
        impatient = {"visibility_timeout": seconds, "unacked_restore_interval": 1}
        app.conf.broker_transport_options.update(impatient)
    if oddities.get("warm"):
        use_connections()
    app.start(arguments)


def command(usual: list[str], **oddities: float) -> list[str]:
    """The command of a process of the fleet, with oddities."""
    begin = usual.index("tests.kit.worker") + 1
    return [sys.executable, "-m", "tests.faults.odd", json.dumps(oddities), *usual[begin:]]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
