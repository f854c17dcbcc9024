"""D10: a row that PostgreSQL refuses although our checks let it through is a reject; its neighbours go in."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from ingest import by_halves
from ingest.declared import Dataset, Field
from tests.engine.rows import THINGS, Script, counts, declare, rows, run, thing_source, things
from tests.faults.own_server import engine_of
from tests.faults.statements import watch
from tests.faults.undisturbed import thing

MANY = 2000
REJECTS = "SELECT raw_index, key, reason FROM rejects WHERE state = 'open' ORDER BY raw_index"


def demand(engine: Engine, statement: str) -> None:
    """Do to the table what the catalogue does not know of."""
    with engine.begin() as tx:
        tx.execute(text(statement))


def no_thing_named_bad(engine: Engine) -> None:
    """A constraint that somebody added by hand."""
    demand(engine, "ALTER TABLE things ADD CONSTRAINT no_bad CHECK (name <> 'bad')")


@pytest.mark.parametrize("bad", [[0], [MANY // 2], [MANY - 1], [0, 1, 999, MANY - 1], []], ids=str)
def test_only_refused_rows_are_set_aside(engine: Engine, bad: list[int]) -> None:
    page = [thing(str(number), name="bad" if number in bad else "good") for number in range(MANY)]
    source = thing_source(Script([page, [thing("next page")]]))
    declare(engine, source)
    no_thing_named_bad(engine)

    row = run(engine, source)

    outcome = {"fetched": MANY + 1, "inserted": MANY + 1 - len(bad), "rejected": len(bad)}
    assert (row["state"], counts(row)) == (
        "succeeded",
        {name: many for name, many in outcome.items() if many},
    )
    assert rows(engine, REJECTS) == [(number, str(number), "refused") for number in bad]
    assert rows(engine, "SELECT count(*) FROM things WHERE name = 'good' AND key <> 'next page'") == [
        (MANY - len(bad),)
    ]


def test_says_what_postgresql_said(engine: Engine) -> None:
    source = thing_source(Script([[thing("a"), thing("b", name="bad")]]))
    declare(engine, source)
    no_thing_named_bad(engine)

    run(engine, source)

    [(position, message, record)] = rows(engine, "SELECT position, message, record FROM rejects")
    assert position == "page 1, record 2"
    assert "PostgreSQL refuses the row" in message
    assert 'violates check constraint "no_bad"' in message
    assert record == '{"id":"b","name":"bad","price":"1"}'


TRIGGER = """
    CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.name = 'bad' THEN RAISE EXCEPTION 'no such thing'; END IF;
        RETURN NEW;
      END $$;
    CREATE TRIGGER picky BEFORE INSERT OR UPDATE ON things FOR EACH ROW EXECUTE FUNCTION picky();
"""
DEMANDS = {
    "check": "ALTER TABLE things ADD CONSTRAINT no_bad CHECK (name <> 'bad')",
    "trigger": TRIGGER,
    "not null": "ALTER TABLE things ALTER seen_at SET NOT NULL",
    "unique": "CREATE UNIQUE INDEX ON things (name)",
    "foreign key": "CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names VALUES ('good');"
    " ALTER TABLE things ADD FOREIGN KEY (name) REFERENCES names",
    "width": "ALTER TABLE things ALTER name TYPE varchar(4)",
    "scale": "ALTER TABLE things ALTER price TYPE numeric(3, 1)",
    "division": "CREATE INDEX ON things ((1 / (price - 1)))",
}
GOOD = {"id": "good", "name": "good", "price": "2", "seen_at": "2026-01-01T00:00:00Z"}
BAD = {
    "not null": {"seen_at": None},
    "unique": {},
    "width": {"name": "too long"},
    "scale": {"price": "100"},
    "division": {"price": "1", "name": "new"},
}


@pytest.mark.parametrize("kind", DEMANDS)
def test_whatever_the_table_demands(engine: Engine, kind: str) -> None:
    bad = GOOD | {"id": "bad"} | BAD.get(kind, {"name": "bad"})
    source = thing_source(Script([[GOOD, bad]]))
    declare(engine, source)
    demand(engine, DEMANDS[kind])

    assert counts(run(engine, source)) == {"fetched": 2, "inserted": 1, "rejected": 1}

    assert rows(engine, REJECTS) == [(1, "bad", "refused")]


def test_changed_row_is_refused(engine: Engine) -> None:
    """What stands stays as it is; what else changed is updated; mended, the record settles its reject."""
    declare(engine, thing_source(Script([])))
    run(engine, thing_source(Script([[thing("a"), thing("b"), thing("c")]])))
    no_thing_named_bad(engine)

    changed = [thing("a", price="2"), thing("b", name="bad"), thing("c"), thing("d")]
    row = run(engine, thing_source(Script([changed])), mode="full")

    assert counts(row) == {"fetched": 4, "inserted": 1, "updated": 1, "unchanged": 1, "rejected": 1}
    assert {key: (name, int(price)) for key, (name, price) in things(engine).items()} == {
        "a": ("thing", 2),
        "b": ("thing", 1),
        "c": ("thing", 1),
        "d": ("thing", 1),
    }

    run(engine, thing_source(Script([[thing("b", price="9")]])), mode="full")

    assert rows(engine, REJECTS) == []


@pytest.mark.parametrize("dataset", [THINGS, replace(THINGS, newest_by="seen_at")], ids=["last", "newest"])
def test_refused_duplicate_leaves_the_one_before(engine: Engine, dataset: Dataset) -> None:
    """Of equal keys the last that PostgreSQL takes counts."""
    versions = [thing("a", price="1"), thing("a", price="2"), thing("a", name="bad"), thing("b")]
    times = {"seen_at": "2026-01-01T00:00:00Z"}
    source = thing_source(Script([[version | times for version in versions]]), dataset=dataset)
    declare(engine, source)
    no_thing_named_bad(engine)

    row = run(engine, source)

    assert counts(row) == {"fetched": 4, "inserted": 2, "rejected": 1, "superseded": 1}
    assert [int(price) for _, price in things(engine).values()] == [2, 1]


def test_row_wider_than_a_page_of_postgresql(engine: Engine) -> None:
    """A thousand fields that each are fine make a row of more than 8 kB, which no table can hold."""
    wide = Dataset("wide", tuple(Field(f"f{number}", "float") for number in range(1100)))
    full = {field.name: "1.5" for field in wide.fields}
    source = thing_source(Script([[{"id": "a"}, {"id": "b", **full}, {"id": "c"}]]), dataset=wide)
    declare(engine, source)

    assert counts(run(engine, source)) == {"fetched": 3, "inserted": 2, "rejected": 1}

    assert rows(engine, "SELECT key FROM wide ORDER BY key") == [("a",), ("c",)]
    assert "row is too big" in rows(engine, "SELECT message FROM rejects")[0][0]


def test_costs_one_savepoint_a_page(engine: Engine, database: str) -> None:
    source = thing_source(Script([[thing("a"), thing("b")], [thing("c")]]))
    declare(engine, source)
    asked: list[str] = []
    with engine_of(database) as db:
        watch(db, lambda connection, statement: asked.append(statement))
        run(db, source)

    assert len([statement for statement in asked if statement.startswith("SAVEPOINT")]) == 2
    assert not [statement for statement in asked if statement.startswith("ROLLBACK")]


@pytest.mark.parametrize("keys", [20, 1], ids=["each a key", "one key"])
def test_no_row_is_taken(engine: Engine, monkeypatch: pytest.MonkeyPatch, keys: int) -> None:
    """Where a table refuses everything it is not the records' fault: the run fails and says where to look."""
    source = thing_source(Script([[thing(str(number % keys), name="bad") for number in range(20)]]))
    declare(engine, source)
    no_thing_named_bad(engine)
    monkeypatch.setattr(by_halves, "MOST_REFUSED", 10)  # a thousand would only take longer

    row = run(engine, source)

    assert (row["state"], row["error_kind"], row["rejected"]) == ("failed", "storage", 0)
    assert 'violates check constraint "no_bad"' in row["error_message"]
    assert row["error_message"].endswith('look at the table: psql "$DATABASE_URL" -c "\\d things"')


def test_other_errors_are_not_taken_for_a_row(engine: Engine) -> None:
    """A table that is gone refuses every row: that is for a person, and no record is to blame."""
    source = thing_source(Script([[thing("a"), thing("b")]]))
    declare(engine, source)
    demand(engine, "ALTER TABLE things DROP COLUMN price")

    with pytest.raises(Exception, match="UndefinedColumn"):
        run(engine, source)

    assert rows(engine, "SELECT state, rejected FROM runs") == [("failed", 0)]


def test_many_rejects_go_in_at_once(engine: Engine, database: str) -> None:
    """A page of nothing but bad records is one COPY, whatever their texts hold."""
    odd = ["tab\there", "line\nend\r", "back\\slash \\N \\.", "nul\x00", "狗", '"quoted"']
    page = [thing(f"k{number}\t\\{number}", name=odd[number % len(odd)] * 30) for number in range(5000)]
    source = replace(thing_source(Script([[*page, {"name": "no key"}]])), max_reject_percent=100)
    declare(engine, source)
    asked: list[str] = []
    with engine_of(database) as db:
        watch(db, lambda connection, statement: asked.append(statement))
        row = run(db, source)

    assert counts(row) == {"fetched": 5001, "rejected": 5001}
    assert len([statement for statement in asked if "rejects" in statement]) == 3
    assert rows(engine, "SELECT key FROM rejects WHERE raw_index = 7") == [("k7\t\\7",)]
    assert rows(engine, "SELECT key, field FROM rejects WHERE raw_index = 5000") == [(None, "id")]
    assert rows(engine, "SELECT count(DISTINCT record) FROM rejects") == [(5001,)]
