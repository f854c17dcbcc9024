"""D12: while an upstream is waited for, no transaction is open, and none is left behind by a run."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from ingest.kinds.http_json import http_json
from tests.engine.rows import declare, rows, thing_source
from tests.faults.own_server import engine_of
from tests.faults.undisturbed import PAGES, carry_through
from tests.kit.fleet import wait_until
from tests.upstream import Asked, Play, answer, upstream

OPEN = text("""
    SELECT count(*) FILTER (WHERE xact_start IS NOT NULL), count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'kasparro%' AND pid <> pg_backend_pid()
""")


class Api:
    """A source that pulls over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def pull(self, http: Any, positions: dict[str, Any]) -> Any:
        """Page by page."""
        paginate = {"type": "page", "param": "page", "start": 1, "size": None, "size_param": None}
        return http_json(http, positions, url=self.url, paginate=paginate)


def test_while_the_upstream_is_asked(engine: Engine, database: str) -> None:
    seen: list[tuple[int, int]] = []

    def nobody_waits() -> tuple[int, int] | None:
        with engine.connect() as connection:
            transactions, connections = connection.execute(OPEN).one()
        return None if transactions else (transactions, connections)

    def looking(page: list[Any]) -> Callable[[Asked], Play]:
        def step(asked: Asked) -> Play:
            """The reply is held back until no transaction is open: none may wait for it."""
            seen.append(wait_until(nobody_waits, seconds=20, what="the page before to be committed"))
            return answer(page)

        return step

    with upstream(*[looking(page) for page in [*PAGES, []]]) as server, engine_of(database) as db:
        source = thing_source(Api(server.url))
        declare(engine, source)
        row = carry_through(db, engine, source)

    assert (row["state"], row["fetched"]) == ("succeeded", 8)
    assert [transactions for transactions, _ in seen] == [0, 0, 0, 0]
    assert all(connections for _, connections in seen), "the run's own connection was looked at"
    assert rows(engine, "SELECT count(*) FROM pg_prepared_xacts") == [(0,)]
