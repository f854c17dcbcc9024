"""The schema is the models' and the declarations'; it only grows."""

from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from ingest.catalog import catalog
from ingest.declared import Catalog, Dataset, Field
from ingest.errors import ConfigInvalid
from ingest.migrate import bring_up_datasets, head, migrate, revision
from models import Base
from tests.engine.rows import THINGS, Script, declare, rows, run, thing_source


def test_migrations_make_the_models(engine):
    with engine.connect() as connection:
        names = set(Base.metadata.tables)
        options = {"include_name": lambda name, kind, parents: kind != "table" or name in names}
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, Base.metadata) == []
        assert revision(connection) == head()


def test_migrating_again_does_nothing(engine):
    assert migrate(engine, catalog()) == []


def test_sources_have_their_own_raw_tables(engine):
    tables = inspect(engine).get_table_names()

    assert {f"raw_{name}" for name in catalog().sources} <= set(tables)


def grown(*fields: Field) -> Catalog:
    """The dataset of things with other fields."""
    return Catalog({"things": replace(THINGS, fields=fields)}, {})


def test_new_field_is_added(engine):
    source = thing_source(Script([[{"id": "a", "name": "thing"}]]))
    declare(engine, source)
    run(engine, source)

    with engine.begin() as tx:
        done = bring_up_datasets(tx, grown(*THINGS.fields, Field("weight", "decimal", index=True)))

    assert done == [
        "dataset things: column weight added",
        "dataset things: index ix_things_weight_id added",
    ]
    assert rows(engine, "SELECT key, weight FROM things") == [("a", None)]


def test_dropped_field_keeps_its_data(engine):
    """A column that is no longer declared stays, and stops demanding values."""
    declare(engine, thing_source(Script([])))

    with engine.begin() as tx:
        done = bring_up_datasets(tx, grown(*THINGS.fields[1:]))
        again = bring_up_datasets(tx, grown(*THINGS.fields[1:]))

    assert done == ["dataset things: name is no longer declared and may be empty now"]
    assert again == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            (Field("name", "string", required=True), Field("price", "string"), THINGS.fields[2]),
            "things.price is",
        ),
        ((*THINGS.fields[:2], Field("seen_at", "datetime", required=True)), "declared as required"),
        ((*THINGS.fields, Field("weight", "decimal", required=True)), "new and required"),
    ],
)
def test_other_changes_are_refused_with_a_plan(engine, fields, problem):
    declare(engine, thing_source(Script([])))

    with pytest.raises(ConfigInvalid, match=problem), engine.begin() as tx:
        bring_up_datasets(tx, grown(*fields))


def test_new_dataset_gets_its_table(engine):
    with engine.begin() as tx:
        done = bring_up_datasets(tx, Catalog({"books": Dataset("books", (Field("title", "string"),))}, {}))

    assert done[0] == "dataset books: table made"
    assert [index["name"] for index in inspect(engine).get_indexes("books") if not index["unique"]] == [
        "ix_books_written"
    ]
    assert {"id", "source", "key", "content_hash", "title"} <= {
        c["name"] for c in inspect(engine).get_columns("books")
    }


def test_replaced_indexes_go_and_others_stay(engine):
    declare(engine, thing_source(Script([])))
    with engine.begin() as tx:
        tx.execute(text("CREATE INDEX ix_things_run_id ON things (run_id)"))
        tx.execute(text("CREATE INDEX somebodys ON things (run_id, key)"))

        done = bring_up_datasets(tx, grown(*THINGS.fields))

        assert done == ["dataset things: index ix_things_run_id dropped, ix_things_written serves"]
        names = {index["name"] for index in inspect(tx).get_indexes("things")}
        assert {"somebodys", "ix_things_written"} <= names
        assert "ix_things_run_id" not in names


def filled(tx, percent=None):
    """Set how full blocks of the table of things are, and bring it up; what was done, and what holds then."""
    set_to = "RESET (fillfactor)" if percent is None else f"SET (fillfactor = {percent})"
    tx.execute(text(f"ALTER TABLE things {set_to}"))
    done = bring_up_datasets(tx, grown(*THINGS.fields))
    return done, tx.scalar(text("SELECT reloptions FROM pg_class WHERE relname = 'things'"))


def test_old_table_leaves_room_from_now_on(engine):
    declare(engine, thing_source(Script([])))
    with engine.begin() as tx:
        done, options = filled(tx)
        assert done == ["dataset things: blocks that are filled from now on leave room for updates"]
        assert options == ["fillfactor=90"]
        assert bring_up_datasets(tx, grown(*THINGS.fields)) == []
        assert filled(tx, 70) == ([], ["fillfactor=70"])


def test_changed_rows_stay_in_their_blocks(engine):
    """So that no index is written for them."""
    old = [{"id": f"{n}", "name": "thing"} for n in range(2_000)]
    new = [{"id": f"{n}", "name": "other"} for n in range(0, 2_000, 50)]
    source = thing_source(Script([old]))
    declare(engine, source)
    blocks = "SELECT key, (ctid::text::point)[0]::int FROM things ORDER BY key"
    run(engine, source)
    before = rows(engine, blocks)

    assert run(engine, thing_source(Script([new])), mode="full")["updated"] == len(new)

    assert len({block for _, block in before}) > 10
    assert rows(engine, blocks) == before
