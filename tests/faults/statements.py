"""What a run asks of PostgreSQL, statement by statement, so that a test can meddle before any of them."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg2.extensions
from psycopg2.sql import Composable
from sqlalchemy import Engine, event

Meddle = Callable[[Any, str], None]


def watch(engine: Engine, meddle: Meddle) -> None:
    """Call `meddle` with connection and statement before each one, and before each COMMIT.

    Of this thread and of those that load pages; the thread that renews the lease is left alone.
    """
    ours = threading.get_ident()

    def met(connection: Any, statement: str) -> None:
        if threading.get_ident() == ours or threading.current_thread().name.startswith("page_"):
            meddle(connection, statement)

    class Cursor(psycopg2.extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            met(self.connection, _text(query, self))
            super().execute(query, vars)

        def copy_expert(self, sql: Any, file: Any, *args: Any) -> None:
            met(self.connection, _text(sql, self))
            super().copy_expert(sql, file, *args)

    class Connection(psycopg2.extensions.connection):
        def cursor(self, *args: Any, **kwargs: Any) -> Any:
            return super().cursor(*args, **{"cursor_factory": Cursor, **kwargs})

        def commit(self) -> None:
            met(self, "COMMIT")
            super().commit()

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return dialect.connect(*args, **kwargs, connection_factory=Connection)


def _text(query: Any, cursor: Any) -> str:
    return query.as_string(cursor) if isinstance(query, Composable) else str(query)


class Nth:
    """Does something once, before the nth statement that begins with these words."""

    def __init__(self, number: int, do: Callable[[Any], None], *, begins: str = "") -> None:
        self.number, self.do, self.begins = number, do, begins
        self.passed = 0

    def __call__(self, connection: Any, statement: str) -> None:
        if statement.startswith(self.begins):
            self.passed += 1
            if self.passed == self.number:
                self.do(connection)

    @property
    def happened(self) -> bool:
        """Whether there were that many statements."""
        return self.passed >= self.number
