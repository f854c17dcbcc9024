"""Whether the database is ready for what a command wants to do there."""

from collections.abc import Iterable

from sqlalchemy import Connection

from cli import queries
from cli.problems import SERVERS, Problem, unknown
from ingest.catalog import catalog
from ingest.declared import Source
from ingest.migrate import head, revision


def named(names: Iterable[str]) -> list[Source]:
    """The declared sources of these names, once each. Raises UsageError with the nearest name."""
    declared = catalog().sources
    for name in names:
        if name not in declared:
            raise unknown("source", name, declared)
    return [declared[name] for name in dict.fromkeys(names)]


def check_migrated(tx: Connection, sources: Iterable[Source] = ()) -> None:
    """Raise a Problem unless the tables are those of the code, with a place for each source."""
    at = revision(tx)
    if at != head():
        state = "has no tables of Kasparro yet" if at is None else f"is at version {at}, the code at {head()}"
        raise Problem(f"the database {state}", code=SERVERS, next="kasparro migrate")
    if missing := sorted({source.name for source in sources} - queries.switches(tx).keys()):
        what = f"the database does not know {', '.join(missing)} yet"
        raise Problem(what, code=SERVERS, next="kasparro migrate")
