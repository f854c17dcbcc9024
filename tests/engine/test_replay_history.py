"""Whatever was pulled under whatever rules: after a replay stands what a fresh load with today's rules gives.

Two reasons to differ are part of the promise. What today's rules refuse is not deleted, so a row that came
of such a record stays as it was. And the mode `replay` judges open rejects: a record that a later one had
settled (`resolved`) is judged by `reload` alone.
"""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ingest.claims import COUNTERS
from ingest.declared import Field
from tests.engine.rows import THINGS, Script, declare, run, thing_source

NAMES = ("p", "q", "r")
DAYS = {day: datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)}
NEVER = datetime(1, 1, 1, tzinfo=UTC)

rules = st.sets(st.sampled_from(NAMES), min_size=1).map(sorted).map(tuple)
records = st.fixed_dictionaries(
    {
        "id": st.sampled_from(("a", "b", None)),
        "name": st.sampled_from(NAMES),
        "seen_at": st.sampled_from((None, *(day.isoformat() for day in DAYS.values()))),
    }
)
pulls = st.tuples(rules, st.lists(records, max_size=4))
_sources = count(1)


def ruled(name, names, newest_by):
    """A source whose records are good with one of these names only."""
    allowed = Field("name", "string", required=True, one_of=names)
    dataset = replace(THINGS, fields=(allowed, *THINGS.fields[1:]), newest_by=newest_by)
    return thing_source(Script([]), name=name, dataset=dataset)


def played(db, source, *pages):
    """Pull the pages from the beginning; return the row of the run."""
    return run(db, replace(source, pull=Script(list(pages)).pull), mode="full")


def standing(db, source):
    """By key: name, version, and where it came from."""
    query = text("SELECT key, name, seen_at, raw_id, raw_index FROM things WHERE source = :source")
    with db.connect() as connection:
        return {row.key: row for row in connection.execute(query, {"source": source.name})}


def settled(db, source):
    """Key and name of the rejects that a later record has settled."""
    query = text("SELECT key, record FROM rejects WHERE source = :source AND state = 'resolved'")
    with db.connect() as connection:
        found = connection.execute(query, {"source": source.name}).all()
    return [(row.key, name) for row in found for name in NAMES if f'"name":"{name}"' in row.record]


def whole(db, source):
    """What changes when an item is written at all, or a reject is judged otherwise.

    A reload may open a reject at its page and settle it at a later one, each time: that is no change.
    """
    query = """
        SELECT 'item', id, xmin::text FROM things WHERE source = :source UNION ALL
        SELECT 'reject', id, concat_ws(' ', state, key, field, reason, message)
          FROM rejects WHERE source = :source ORDER BY 1, 2
    """
    with db.connect() as connection:
        return connection.execute(text(query), {"source": source.name}).all()


def age(row, newest_by):
    """What may only grow."""
    page = (row.raw_id, row.raw_index)
    return page if newest_by is None else (row.seen_at or NEVER, *page)


@pytest.mark.parametrize("mode", ["replay", "reload"])
@pytest.mark.parametrize("newest_by", [None, "seen_at"])
def test_replay_equals_a_fresh_load(engine, mode, newest_by):
    # Each example is a database's work: a failure is told as it was found, not after minutes of shrinking.
    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
    )
    @given(st.lists(pulls, min_size=1, max_size=5), rules)
    def check(history, today):
        number = next(_sources)
        shop, fresh = (ruled(f"{name}{number}", today, newest_by) for name in ("shop", "fresh"))
        declare(engine, shop, fresh)
        for names, page in history:
            played(engine, ruled(shop.name, names, newest_by), page)
        played(engine, fresh, *(page for _, page in history))
        before, were_settled = standing(engine, shop), settled(engine, shop)

        row = run(engine, shop, mode=mode)

        after, expected = standing(engine, shop), standing(engine, fresh)
        assert row["state"] == "succeeded"
        assert row["fetched"] == sum(row[name] for name in COUNTERS[1:])
        for key in before:
            assert age(after[key], newest_by) >= age(before[key], newest_by)
        for key in after.keys() | expected.keys():
            if key in after and after[key].name not in today:
                assert after[key] == before[key]
            elif mode == "reload" or not any(it[0] == key and it[1] in today for it in were_settled):
                assert after[key][:3] == expected[key][:3]
        again = whole(engine, shop)
        second = run(engine, shop, mode=mode)
        assert second["inserted"] == second["updated"] == 0
        assert whole(engine, shop) == again

    check()
