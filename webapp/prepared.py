"""Statements that a connection keeps: PostgreSQL reads the long text of a page's query once, not every time.

They are planned anew with the values of each request: frequent values ask for another plan than rare ones.
"""

import re
from typing import Any

from sqlalchemy import Connection, Engine, event

# An execution option says which statements are kept.
KEPT = {"kept": True}
PLANNED_ANEW = "-c plan_cache_mode=force_custom_plan"
MOST_STATEMENTS = 100
PARAMETER = re.compile(r"%\((\w+)\)s")


def register(engine: Engine) -> None:
    """Have the statements kept that ask for it."""
    event.listen(engine, "before_cursor_execute", _execute_kept, retval=True)


def _execute_kept(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    """What is executed instead of the statement."""
    if not context.execution_options.get("kept"):
        return statement, parameters
    kept = connection.info.setdefault("kept", {})
    if statement not in kept:
        if len(kept) == MOST_STATEMENTS:
            cursor.execute("DEALLOCATE ALL")
            kept.clear()
        kept[statement] = _prepare(cursor, statement, f"kept_{len(kept)}")
    return kept[statement], parameters


def _prepare(cursor: Any, statement: str, name: str) -> str:
    """Prepare a statement, and return the one that executes it."""
    names = list(dict.fromkeys(PARAMETER.findall(statement)))
    numbered = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    cursor.execute(f"PREPARE {name} AS {numbered.replace('%%', '%')}")
    return f"EXECUTE {name}({', '.join(f'%({each})s' for each in names)})" if names else f"EXECUTE {name}"
