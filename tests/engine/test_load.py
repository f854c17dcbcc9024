"""Loading pages: what becomes of each record, and that the counts tell the truth."""

import hashlib
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest
import zstandard
from sqlalchemy import text

from ingest import claims, in_turn, known, open_rejects, store
from ingest.decode import decode
from ingest.landed import Landed
from ingest.normalize import normalize
from ingest.page import JSON, Page
from tests.engine.rows import THINGS, Script, begin, counts, declare, rows, run, run_row, thing_source, things

NEWEST = replace(THINGS, newest_by="seen_at")


def thing(key, name="thing", price="1", seen_at=None):
    """A record as the fake upstream sends it."""
    return {"id": key, "name": name, "price": price, "seen_at": seen_at}


def test_new_rows_are_inserted(engine):
    source = thing_source(
        Script([[thing("a", price=0), thing("b", price="1e-12")], [thing("c", price=None)]])
    )
    declare(engine, source)

    row = run(engine, source)

    assert (row["state"], row["pages"], counts(row)) == ("succeeded", 2, {"fetched": 3, "inserted": 3})
    assert things(engine) == {
        "a": ("thing", Decimal(0)),
        "b": ("thing", Decimal("0.000000000001")),
        "c": ("thing", None),
    }


def test_second_run_changes_nothing(engine):
    """Unchanged rows are not even touched: their physical versions stay."""
    pages = [[thing("a"), thing("b")]]
    declare(engine, thing_source(Script(pages)))
    run(engine, thing_source(Script(pages)))
    before = rows(engine, "SELECT xmin::text, ctid::text, * FROM things ORDER BY id")

    row = run(engine, thing_source(Script(pages)), mode="full")

    assert counts(row) == {"fetched": 2, "unchanged": 2}
    assert rows(engine, "SELECT xmin::text, ctid::text, * FROM things ORDER BY id") == before


def test_only_changed_rows_are_updated(engine):
    declare(engine, thing_source(Script([])))
    run(engine, thing_source(Script([[thing("a"), thing("b"), thing("c")]])))

    row = run(engine, thing_source(Script([[thing("a"), thing("b", price="2.50"), thing("d")]])), mode="full")

    assert counts(row) == {"fetched": 3, "inserted": 1, "updated": 1, "unchanged": 1}
    assert things(engine)["b"] == ("thing", Decimal("2.5"))
    assert rows(engine, "SELECT key FROM things WHERE updated_at > created_at") == [("b",)]


def test_changed_row_that_postgres_refuses_leaves_its_neighbours(engine):
    """Its page's other changes are written once each, though they are tried by halves."""
    letters = "abcdefgh"
    declare(engine, thing_source(Script([[thing(key) for key in letters]])))
    run(engine, thing_source(Script([[thing(key) for key in letters]])))
    with engine.begin() as tx:
        tx.execute(text("ALTER TABLE things ADD CHECK (name <> 'refused')"))
    changed = [thing(key, name="refused" if key == "d" else "new") for key in letters]

    row = run(engine, thing_source(Script([changed])), mode="full")

    assert counts(row) == {"fetched": 8, "updated": 7, "rejected": 1}
    assert {key for key, (name, _) in things(engine).items() if name == "thing"} == {"d"}


def test_bad_records_leave_their_neighbours(engine):
    source = thing_source(
        Script(
            [
                [
                    thing("a"),
                    thing("b", price="cheap"),
                    {"name": "no key"},
                    thing("d", name=["a", "list"]),
                    thing("e", name="nul\x00"),
                    thing("f", price="-1"),
                    thing("g", name=None),
                    thing("h", name="x" * 21),
                    "no object",
                    thing("z"),
                ]
            ]
        )
    )
    declare(engine, source)

    row = run(engine, source)

    assert counts(row) == {"fetched": 10, "inserted": 2, "rejected": 8}
    assert rows(engine, "SELECT raw_index, key, field, reason FROM rejects ORDER BY raw_index") == [
        (1, "b", "price", "not_a_number"),
        (2, None, "id", "missing_key"),
        (3, "d", "name", "not_text"),
        (4, "e", "name", "nul_in_text"),
        (5, "f", "price", "too_small"),
        (6, "g", "name", "required"),
        (7, "h", "name", "too_long"),
        (8, None, None, "not_an_object"),
    ]
    [(record, message)] = rows(engine, "SELECT record, message FROM rejects WHERE raw_index = 1")
    assert '"cheap"' in record
    assert message == "price is not a number: 'cheap'"


def test_good_records_are_not_written_out():
    """Only a reject shows the record's own text; to write out every record that is judged is slow."""
    source = thing_source(Script([]))
    page = Page(orjson.dumps([thing("a", price="+1"), thing("b", price="bad")]), JSON, {}, None)
    frame, written = decode(page, source), []

    def watched(row):
        record = frame.record(row)
        return replace(record, write=lambda: written.append(row) or record.text)

    good, rejects = normalize(replace(frame, record=watched), source)

    assert (good["key"].to_list(), [reject.key for reject in rejects]) == (["a"], ["b"])
    assert written == [1]


def test_last_of_equal_keys_counts(engine):
    """Folding comes after validity: an invalid duplicate does not take the valid one with it."""
    source = thing_source(Script([[thing("a", price="1"), thing("a", price="2"), thing("a", price="bad")]]))
    declare(engine, source)

    row = run(engine, source)

    assert counts(row) == {"fetched": 3, "inserted": 1, "rejected": 1, "superseded": 1}
    assert things(engine) == {"a": ("thing", Decimal(2))}


@pytest.mark.parametrize(
    "pages", [[["new"], ["old"]], [["old"], ["new"]], [["new", "old"]], [["old", "new"]]]
)
def test_older_version_never_wins(engine, page_by_page, pages):
    """Whatever the order, the newest stays, and reading everything again writes nothing."""
    versions = {
        "old": thing("a", price="1", seen_at="2026-01-01T00:00:00Z"),
        "new": thing("a", price="2", seen_at="2026-01-02T00:00:00Z"),
    }
    script = [[versions[age] for age in page] for page in pages]
    source = thing_source(Script(script), dataset=NEWEST)
    declare(engine, source)

    run(engine, source)
    again = run(engine, thing_source(Script(script), dataset=NEWEST), mode="full")

    assert things(engine) == {"a": ("thing", Decimal(2))}
    assert (again["inserted"], again["updated"]) == (0, 0)
    assert again["unchanged"] + again["superseded"] == 2


def test_old_page_undoes_nothing(engine):
    """Loading an old raw page again leaves what later pages wrote."""
    source = thing_source(Script([[thing("a", price="1"), thing("b")], [thing("a", price="2")]]))
    declare(engine, source)
    run(engine, source)
    [(old_raw,)] = rows(engine, "SELECT min(id) FROM raw_shop")
    claim = begin(engine, source)
    page = Page(
        b'[{"id":"a","name":"thing","price":"1"},{"id":"b","name":"thing","price":"9"}]', JSON, {}, None
    )

    frame = decode(page, source)
    good, rejects = normalize(frame, source)
    with engine.begin() as tx:
        loaded = store.load(tx, source, claim, Landed([old_raw]), good, rejects, frame)

    assert things(engine) == {"a": ("thing", Decimal(2)), "b": ("thing", Decimal(9))}
    assert {name: number for name, number in loaded.items() if number} == {
        "fetched": 2,
        "updated": 1,
        "superseded": 1,
    }


def test_loading_twice_changes_nothing(engine):
    """The second time, rejects take the place of rejects and rows stay as they are."""
    source = thing_source(Script([[thing("a"), thing("b", price="bad")]]))
    declare(engine, source)
    run(engine, source)
    [(raw_id,)] = rows(engine, "SELECT id FROM raw_shop")
    claim = begin(engine, source)
    page = Page(
        b'[{"id":"a","name":"thing","price":"1"},{"id":"b","name":"thing","price":"bad"}]', JSON, {}, None
    )

    frame = decode(page, source)
    good, rejects = normalize(frame, source)
    with engine.begin() as tx:
        loaded = store.load(tx, source, claim, Landed([raw_id]), good, rejects, frame)

    assert (loaded["unchanged"], loaded["rejected"]) == (1, 1)
    assert rows(engine, "SELECT count(*) FROM rejects") == [(1,)]


def test_mended_record_settles_its_reject(engine):
    declare(engine, thing_source(Script([])))
    run(engine, thing_source(Script([[thing("a", price="bad")]])))

    run(engine, thing_source(Script([[thing("a", price="3")]])), mode="full")

    assert rows(engine, "SELECT state FROM rejects") == [("resolved",)]


def test_keyless_reject_is_open_once(engine):
    """The same record without a key, read again, does not pile up."""
    declare(engine, thing_source(Script([])))
    for _ in range(3):
        run(engine, thing_source(Script([[{"name": "no key"}]])), mode="full")

    assert rows(engine, "SELECT state, count(*) FROM rejects GROUP BY state ORDER BY state") == [
        ("open", 1),
        ("resolved", 2),
    ]


@pytest.mark.parametrize(("read", "kept"), [(10_000, 100_000), (0, 0), (10_000, 1)])
def test_rejects_are_settled_within_a_run(engine, monkeypatch, read, kept):
    """Remembered, or too many for it: what comes again settles what was before."""
    monkeypatch.setattr(known, "MOST_REJECTS", read)
    monkeypatch.setattr(open_rejects, "MOST_KEPT", kept)
    bad, nameless = thing("a", price="bad"), {"name": "no key"}
    declare(engine, thing_source(Script([])))
    run(engine, thing_source(Script([[thing("z", price="bad"), nameless]])))

    pages = [[bad, thing("b", price="bad"), nameless], [bad, nameless], [thing("a", price="3"), thing("z")]]
    run(engine, thing_source(Script(pages)), mode="full")

    query = "SELECT key, state, count(*) FROM rejects GROUP BY key, state ORDER BY key, state"
    assert rows(engine, query) == [
        ("a", "resolved", 2),
        ("b", "open", 1),
        ("z", "resolved", 1),
        (None, "open", 1),
        (None, "resolved", 2),
    ]


def test_counters_equal_what_stands(engine):
    source = thing_source(
        Script([[thing("a"), thing("b", price="bad")], [thing("a", price="5"), thing("c")]])
    )
    declare(engine, source)

    row = run(engine, source)

    assert rows(engine, "SELECT count(*) FROM things") == [(row["inserted"],)]
    assert rows(engine, "SELECT count(*) FROM rejects") == [(row["rejected"],)]
    assert rows(engine, "SELECT sum(records), count(*) FROM raw_shop") == [(row["fetched"], row["pages"])]


def test_raw_page_is_byte_exact(engine):

    page = [thing("é", name="狗")]
    source = thing_source(Script([page]))
    declare(engine, source)

    run(engine, source)

    [(body, sha, size)] = rows(engine, "SELECT body, sha256, size FROM raw_shop")
    exact = zstandard.ZstdDecompressor().decompress(bytes(body))
    assert exact == orjson.dumps(page)
    assert (bytes(sha), size) == (hashlib.sha256(exact).digest(), len(exact))


STEPS = ["guard", "land", "load", "advance", "count"]


@pytest.mark.parametrize("step", STEPS)
def test_page_happens_or_not(engine, monkeypatch, page_by_page, step):
    """Whatever step of the second page fails, one whole page and its checkpoint stand; a rerun mends it.

    One page at a time, so that the second step is that of the second page.
    """
    monkeypatch.setattr(in_turn, "AT_A_TIME", 1)
    pages = [[thing("a"), thing("b", price="bad")], [thing("c")]]
    source = thing_source(Script(pages))
    declare(engine, source)
    owner = claims if step in ("guard", "count") else store
    original, calls = getattr(owner, step), []

    def fail_on_second(*args, **kwargs):
        calls.append(step)
        if len(calls) == 2:
            raise RuntimeError(f"{step} failed")
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, step, fail_on_second)
    with pytest.raises(RuntimeError):
        run(engine, source)
    monkeypatch.setattr(owner, step, original)

    assert list(things(engine)) == ["a"]
    assert rows(engine, "SELECT position FROM checkpoints") == [({"done": 1},)]
    assert rows(engine, "SELECT count(*) FROM raw_shop") == [(1,)]
    failed = run_row(engine, rows(engine, "SELECT max(id) FROM runs")[0][0])
    assert (failed["state"], failed["error_kind"], failed["fetched"]) == ("failed", "bug", 2)
    assert counts(run(engine, source)) == {"fetched": 1, "inserted": 1}
    assert list(things(engine)) == ["a", "c"]
