"""What a run knows of its source spares questions and changes no answer."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ingest import classify, known
from tests.engine.rows import Script, counts, declare, rows, run, thing_source

names = st.sampled_from(["red", "green", "blue"])
records = st.builds(lambda key, name: {"id": key, "name": name}, st.sampled_from("abcdef"), names)
histories = st.lists(st.lists(st.lists(records, max_size=5), max_size=5), min_size=1, max_size=4)


def standing(engine) -> dict[str, str]:
    return dict(rows(engine, "SELECT key, name FROM things"))


def loaded(engine, pages, mode: str = "full") -> dict[str, int]:
    return counts(run(engine, thing_source(Script(pages)), mode=mode))


def things(*pairs: str) -> list[dict[str, str]]:
    """Records from texts like "a red"."""
    return [dict(zip(("id", "name"), pair.split(), strict=True)) for pair in pairs]


@pytest.fixture
def shop(engine, monkeypatch):
    """Where a source of a few rows is worth reading, as one of a million is."""
    monkeypatch.setattr(known, "WORTH_A_BLOCK", 1)
    declare(engine, thing_source(Script([])))
    return engine


def test_key_of_an_earlier_page_is_no_new_one(shop, page_by_page):
    found = loaded(shop, [things("a red", "b red"), things("b blue", "c red"), things("a red")])

    assert found == {"fetched": 5, "inserted": 3, "updated": 1, "unchanged": 1}
    assert standing(shop) == {"a": "red", "b": "blue", "c": "red"}


def test_row_that_changes_and_changes_back(shop, page_by_page):
    """What stood at first is not what stands now: the last record of a key counts."""
    loaded(shop, [things("a red", "b red")])

    found = loaded(shop, [things("a blue"), things("b red"), things("a red")])

    assert found == {"fetched": 3, "updated": 2, "unchanged": 1}
    assert standing(shop) == {"a": "red", "b": "red"}


def test_hashes_of_a_table_that_is_read_in_stretches(shop, monkeypatch):
    monkeypatch.setattr(known, "STRETCH", 1)
    many = [{"id": f"thing {number}", "name": f"{number:020}"} for number in range(500)]
    loaded(shop, [many])
    with shop.begin() as tx:
        tx.execute(
            text("UPDATE things SET name = 'other', content_hash = gen_random_uuid() WHERE key = 'thing 7'")
        )

    assert loaded(shop, [many]) == {"fetched": 500, "updated": 1, "unchanged": 499}
    assert standing(shop) == {each["id"]: each["name"] for each in many}


def test_few_records_are_looked_up_in_a_large_table(shop, monkeypatch):
    """It is not read for them."""
    monkeypatch.setattr(known, "WORTH_A_BLOCK", 3)
    monkeypatch.setattr(known, "_Hashes", None)
    loaded(shop, [things("a red", "b red")])

    assert loaded(shop, [things("a red", "b blue")]) == {"fetched": 2, "updated": 1, "unchanged": 1}


def test_as_many_records_as_before_are_expected(shop, monkeypatch, page_by_page):
    """A full run may bring what any run before it brought: nothing of its first page is looked up."""
    monkeypatch.setattr(known, "WORTH_A_BLOCK", 3)
    loaded(shop, [things("a red", "b red", "c red")])
    loaded(shop, [[], things("d red")], mode="incremental")
    monkeypatch.setattr(classify, "_standing", None)

    assert loaded(shop, [things("a red"), things("d red")]) == {"fetched": 2, "unchanged": 2}


def test_first_increment_is_expected_to_be_small(shop, monkeypatch, page_by_page):
    """A source begins with more than it goes on with. Once this one has brought more, the rest is known."""
    monkeypatch.setattr(known, "WORTH_A_BLOCK", 3)
    many = [things(f"{letter} red") for letter in "abcdef"]
    loaded(shop, many, mode="incremental")
    loaded(shop, many, mode="incremental")
    looked_up: list[str] = []
    standing_of = classify._standing

    def noted(tx, source, keys):
        looked_up.extend(keys)
        return standing_of(tx, source, keys)

    monkeypatch.setattr(classify, "_standing", noted)
    again = [things(f"{letter} red") for letter in "fedcb"]

    found = loaded(shop, [*many, *again], mode="incremental")

    assert found == {"fetched": 5, "unchanged": 5}
    assert looked_up == ["f", "e"]


def test_increments_as_large_as_twice_before_are_expected(shop, monkeypatch, page_by_page):
    """As of a file that is written anew every day."""
    monkeypatch.setattr(known, "WORTH_A_BLOCK", 3)
    day = [things("a red"), things("b red"), things("c red")]
    loaded(shop, day, mode="incremental")
    loaded(shop, [*day, *day], mode="incremental")
    monkeypatch.setattr(classify, "_standing", None)

    found = loaded(shop, [*day, *day, *day], mode="incremental")

    assert found == {"fetched": 3, "unchanged": 3}


def test_hashes_are_read_where_they_are_worth_it(shop, monkeypatch):
    """What they tell is not looked up."""
    loaded(shop, [things("a red", "b red")])
    monkeypatch.setattr(classify, "_standing", None)

    assert loaded(shop, [things("a red", "b red")]) == {"fetched": 2, "unchanged": 2}


def test_many_rows_are_looked_up_one_by_one(shop, monkeypatch):
    """Of more rows than that the hashes are not read, stretch by stretch."""
    monkeypatch.setattr(known, "MOST_ROWS", 1)
    monkeypatch.setattr(known, "STRETCH", 1)
    loaded(shop, [things("a red", "b red", "c red")])

    assert loaded(shop, [things("a red", "b blue"), things("c red", "d red")]) == {
        "fetched": 4,
        "inserted": 1,
        "updated": 1,
        "unchanged": 2,
    }


def test_keys_that_seem_to_be_met_are_looked_up(shop, monkeypatch, page_by_page):
    """Where all keys fall on the same bits, nothing is certain and nothing is wrong."""
    monkeypatch.setattr(known, "BITS", 8)

    found = loaded(shop, [things(*(f"{letter} red" for letter in "abcdef")), things("g red", "a blue")])

    assert found == {"fetched": 8, "inserted": 7, "updated": 1}


@given(histories)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_last_record_of_each_key_stands(shop, history):
    """Whatever comes in however many pages and runs; and nothing is written twice."""
    with shop.begin() as tx:
        for table in ("things", "rejects", "raw_data", "checkpoints", "runs"):
            tx.execute(text(f"DELETE FROM {table}"))
    expected: dict[str, str] = {}
    for pages in history:
        expected |= {record["id"]: record["name"] for page in pages for record in page}
        last = loaded(shop, pages)

        assert standing(shop) == expected
        assert last.get("fetched", 0) == sum(map(len, pages))
    again = loaded(shop, [[{"id": key, "name": name} for key, name in expected.items()]] if expected else [])
    assert not {"inserted", "updated"} & again.keys()
