"""Bringing a database up to the code and the catalogue: migrations, dataset tables, sources.

Dataset tables only grow: a new table, a new column, a new index, a constraint loosened. Whatever would
lose or refuse data is not done but told, with a plan.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Engine, MetaData, text

from ingest.declared import Catalog
from ingest.errors import ConfigInvalid
from ingest.normalize.fields import dataset_table
from ingest.registry import register
from models.dataset import FILLED

ROOT = Path(__file__).resolve().parent.parent
# Any number will do, as long as all processes that migrate use the same one.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4711002)")

_WITHOUT_ROOM = text("""
    SELECT relname FROM pg_class
     WHERE oid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(CAST(:names AS text[])) AS name)
       AND NOT EXISTS (SELECT FROM pg_options_to_table(reloptions) WHERE option_name = 'fillfactor')
     ORDER BY relname
""")

# B-trees that every dataset had before one summary (BRIN) took their place.
REPLACED = ("updated_at_id", "run_id")


def migrate(db: Engine, catalog: Catalog) -> list[str]:
    """Bring everything up to date in one transaction; return what was done. Raises ConfigInvalid."""
    with db.begin() as tx:
        tx.execute(ONE_AT_A_TIME)
        before = revision(tx)
        command.upgrade(_config(tx), "head")
        done = [] if revision(tx) == before else [f"schema: {before or 'nothing'} -> {revision(tx)}"]
        # Sources before datasets, as every page's transaction takes them: the other way round they deadlock.
        done += [f"source {name}: registered" for name in register(tx, catalog.sources.values())]
        return done + bring_up_datasets(tx, catalog)


def _config(tx: Connection | None = None) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["connection"] = tx
    return config


def revision(tx: Connection) -> str | None:
    """The migration that the database is at."""
    return MigrationContext.configure(tx).get_current_revision()


def head() -> str | None:
    """The migration that the code asks for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def bring_up_datasets(tx: Connection, catalog: Catalog) -> list[str]:
    """Add what the declarations have and the tables lack; return what was done. Raises ConfigInvalid."""
    differences = list(_flat(compare_metadata(_comparison(tx, catalog), _declared(catalog))))
    if refused := [problem for difference in differences if (problem := _refusal(difference))]:
        raise ConfigInvalid(refused)
    operations = Operations(MigrationContext.configure(tx))
    done = [what for difference in differences if (what := _apply(operations, difference))]
    return done + [_make_room(tx, name) for name in _without_room(tx, catalog)]


def _declared(catalog: Catalog) -> MetaData:
    declared = MetaData()
    for dataset in catalog.datasets.values():
        dataset_table(dataset).to_metadata(declared)
    return declared


def _comparison(tx: Connection, catalog: Catalog) -> MigrationContext:
    def ours(name: str | None, kind: str, parents: object) -> bool:
        return kind != "table" or name in catalog.datasets

    return MigrationContext.configure(tx, opts={"include_name": ours, "compare_type": True})


def _flat(differences: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Alembic gives a list where one column differs in several ways."""
    for difference in differences:
        yield from difference if isinstance(difference, list) else [difference]


def _refusal(difference: tuple[Any, ...]) -> str | None:
    """The plan for a change that would lose or refuse data; None when it is safe."""
    match difference:
        case ("modify_type", _, table, column, _, old, new):
            return (
                f"{table}.{column} is {old} but declared as {new}. Add a new field, fill it by a full run "
                f"(kasparro run SOURCE --full), then drop the old one"
            )
        case ("modify_nullable", _, table, column, _, True, False):
            return f"{table}.{column} is now declared as required, but the table admits none. Drop `required`"
        case ("add_column", _, table, column) if not column.nullable:
            return f"{table}.{column.name} is new and required, but rows exist. Declare it without `required`"
    return None


def _apply(operations: Operations, difference: tuple[Any, ...]) -> str | None:
    """Do one safe change and say what it was; what needs nothing done gives None."""
    action = ADDITIVE.get(difference[0])
    return None if action is None else action(operations, difference)


def _without_room(tx: Connection, catalog: Catalog) -> Sequence[str]:
    """The tables of before that leave no room for updates; those of which somebody has said how much stay."""
    return tx.scalars(_WITHOUT_ROOM, {"names": sorted(catalog.datasets)}).all()


def _make_room(tx: Connection, name: str) -> str:
    table = tx.dialect.identifier_preparer.quote(name)
    tx.execute(text(f"ALTER TABLE {table} SET (fillfactor = {FILLED:d})"))
    return f"dataset {name}: blocks that are filled from now on leave room for updates"


def _add_table(operations: Operations, difference: tuple[Any, ...]) -> str:
    difference[1].create(operations.get_bind())
    return f"dataset {difference[1].name}: table made"


def _add_column(operations: Operations, difference: tuple[Any, ...]) -> str:
    _, _, table, column = difference
    operations.add_column(table, Column(column.name, column.type, nullable=True, comment=column.comment))
    return f"dataset {table}: column {column.name} added"


def _add_index(operations: Operations, difference: tuple[Any, ...]) -> str | None:
    index = difference[1]
    index.create(operations.get_bind())
    return f"dataset {index.table.name}: index {index.name} added"


def _drop_index(operations: Operations, difference: tuple[Any, ...]) -> str | None:
    """Of the indexes that nobody declares only those go that were ours once; others have their reasons."""
    index = difference[1]
    if index.name not in (f"ix_{index.table.name}_{columns}" for columns in REPLACED):
        return None
    index.drop(operations.get_bind())
    return f"dataset {index.table.name}: index {index.name} dropped, ix_{index.table.name}_written serves"


def _loosen(operations: Operations, difference: tuple[Any, ...]) -> str:
    table, column = difference[2], difference[3]
    operations.alter_column(table, column, nullable=True)
    return f"dataset {table}: {column} may be empty now"


def _keep(operations: Operations, difference: tuple[Any, ...]) -> str | None:
    """A column that is no longer declared keeps its data; it must not stand in the way of new rows."""
    column = difference[3]
    if column.nullable:
        return None
    operations.alter_column(difference[2], column.name, nullable=True)
    return f"dataset {difference[2]}: {column.name} is no longer declared and may be empty now"


ADDITIVE: dict[str, Callable[[Operations, tuple[Any, ...]], str | None]] = {
    "add_table": _add_table,
    "add_column": _add_column,
    "add_index": _add_index,
    "remove_index": _drop_index,
    "modify_nullable": _loosen,
    "remove_column": _keep,
}
