"""Replays: kept raw pages judged again by today's rules, without the upstream, and undoing nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
import zstandard
from sqlalchemy import text

from ingest import catalog, claims, runs, store, upkeep, verdicts
from ingest.declared import Field, Mapping
from ingest.execute import carry_out, execute
from ingest.kinds.csv_file import csv_file
from ingest.kinds.http_json import http_json
from ingest.kinds.jsonl_file import jsonl_file
from ingest.lease import Lease
from ingest.rehearsal import rehearse
from ingest.settings import settings
from tests.engine.rows import THINGS, Script, begin, counts, declare, rows, run, run_row, thing_source, things
from tests.upstream import answer, upstream


def thing(key, name="thing", **values):
    """A record as the fake upstream sends it."""
    return {"id": key, "name": name, **values}


def allowing(source, *names, newest_by=None):
    """The source with a rule: only these names are good."""
    name = Field("name", "string", required=True, one_of=names or None)
    return replace(source, dataset=replace(THINGS, fields=(name, *THINGS.fields[1:]), newest_by=newest_by))


def pulled(engine, *pages, names=("good",), **options):
    """A source that has pulled each page in a run of its own, under a rule that refuses other names."""
    source = allowing(thing_source(Script([])), *names, **options)
    declare(engine, source)
    for page in pages:
        assert run(engine, replace(source, pull=Script([page]).pull), mode="full")["state"] == "succeeded"
    return allowing(source, **options)


def rejects(engine):
    """Key, state and reason of all rejects, in the order of their records."""
    return rows(engine, "SELECT key, state, reason FROM rejects ORDER BY raw_id, raw_index")


def provenance(engine):
    """Key, name and the number of the record of all things."""
    return rows(engine, "SELECT key, name, raw_index FROM things ORDER BY key")


def physical(engine):
    """What changes when any row is written, even to the same values."""
    things_ = rows(engine, "SELECT xmin::text, ctid::text, key FROM things ORDER BY key, source")
    return things_ + rows(engine, "SELECT xmin::text, ctid::text, id FROM rejects ORDER BY id")


def test_mended_rule_brings_the_record(engine):
    """Only what waited is judged; the row has the provenance of the page that brought it."""
    source = pulled(engine, [thing("a", "good"), thing("b", "odd")])

    row = run(engine, source, mode="replay")

    assert (row["state"], row["pages"], counts(row)) == ("succeeded", 1, {"fetched": 1, "inserted": 1})
    assert provenance(engine) == [("a", "good", 0), ("b", "odd", 1)]
    assert rows(engine, "SELECT count(DISTINCT raw_id) FROM things") == [(1,)]
    assert rejects(engine) == [("b", "resolved", "not_in_list")]


def test_still_bad_stays_with_its_newest_reason(engine):
    source = pulled(engine, [thing("b", "odd")])
    [(id,)] = rows(engine, "SELECT id FROM rejects")
    shorter = replace(THINGS, fields=(Field("name", "string", max_length=2), *THINGS.fields[1:]))

    row = run(engine, replace(source, dataset=shorter), mode="replay")

    assert counts(row) == {"fetched": 1, "rejected": 1}
    assert rows(engine, "SELECT id, state, reason FROM rejects") == [(id, "open", "too_long")]
    assert things(engine) == {}


@pytest.mark.parametrize("mode", ["replay", "reload"])
def test_dismissed_stays_dismissed(engine, mode):
    source = pulled(engine, [thing("b", "odd"), thing("c", "odd")])
    with engine.begin() as tx:
        verdicts.dismiss(tx, ids=[row[0] for row in rows(engine, "SELECT min(id) FROM rejects")])

    for rule in (allowing(source, "good"), source):
        run(engine, rule, mode=mode)

    assert [state for _, state, _ in rejects(engine)] == ["dismissed", "resolved"]


def test_upstream_is_not_asked(engine, redis_url):
    """Neither is the checkpoint moved, nor a page landed."""
    with upstream(answer([thing("a", "good"), thing("b", "odd")])) as server:
        url = server.url + "/things"
        source = pulled(engine)
        api = replace(source, pull=lambda http, positions: http_json(http, positions, url=url))
        for rule, mode in ((allowing(api, "good"), "full"), (api, "replay"), (api, "reload")):
            before = rows(engine, "SELECT * FROM checkpoints"), rows(engine, "SELECT id FROM raw_shop")
            with engine.begin() as tx:
                asked = runs.request(tx, "shop", trigger="replay", mode=mode)
            declared = replace(catalog.catalog(), sources={"shop": rule})
            assert execute(engine, None, declared, settings(), asked.run_id, worker="test") == "succeeded"

        assert len(server.journal) == 1
    assert sorted(things(engine)) == ["a", "b"]
    assert before == (rows(engine, "SELECT * FROM checkpoints"), rows(engine, "SELECT id FROM raw_shop"))


def test_reload_brings_a_new_mapping(engine):
    """Every record of every page, in order, so that the last page has the last word."""
    pages = [[thing("a", label="one")], [thing("a", label="two"), thing("b", label="six")]]
    source = pulled(engine, *pages, names=())
    named = tuple(replace(it, path="label") if it.field == "name" else it for it in source.mapping)

    row = run(engine, replace(source, mapping=named), mode="reload")

    assert counts(row) == {"fetched": 3, "updated": 3}
    assert {key: name for key, (name, _) in things(engine).items()} == {"a": "two", "b": "six"}


def test_old_page_undoes_nothing(engine):
    source = pulled(engine, [thing("a", "odd"), thing("b", "odd")], [thing("a", "good")])
    with engine.begin() as tx:
        tx.execute(text("UPDATE rejects SET state = 'open'"))

    row = run(engine, source, mode="replay")

    assert counts(row) == {"fetched": 2, "inserted": 1, "superseded": 1}
    assert {key: name for key, (name, _) in things(engine).items()} == {"a": "good", "b": "odd"}


def test_newer_version_in_an_old_page_wins(engine):
    """Where the dataset says what is newest, the version decides, not the page that brought it."""
    old, new = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    pages = [[thing("a", "odd", seen_at=new)], [thing("a", "good", seen_at=old)]]
    source = pulled(engine, *pages, newest_by="seen_at")

    row = run(engine, source, mode="reload")

    assert counts(row) == {"fetched": 2, "updated": 1, "superseded": 1}
    assert things(engine)["a"] == ("odd", None)


def test_earlier_record_of_the_page_gives_way(engine):
    """Of equal keys in a page the last counts, also when the first is accepted later."""
    source = pulled(engine, [thing("a", "odd"), thing("a", "good")])

    row = run(engine, source, mode="replay")

    assert counts(row) == {"fetched": 2, "unchanged": 1, "superseded": 1}
    assert provenance(engine) == [("a", "good", 1)]


def test_nothing_to_do_succeeds(engine):
    source = pulled(engine, [thing("a", "good")])

    row = run(engine, source, mode="replay")

    assert (row["state"], row["pages"], counts(row)) == ("succeeded", 0, {})


def test_later_record_of_the_page_that_stands_already_is_not_undone(engine):
    """It came before too, so the page left no trace of it: the row stands under the older page."""
    source = pulled(engine, [thing("a", "good")], [thing("a", "odd"), thing("a", "good")])
    assert rejects(engine) == [("a", "open", "not_in_list")]

    row = run(engine, source, mode="replay")

    assert provenance(engine) == [("a", "good", 0)]
    assert counts(row) == {"fetched": 2, "unchanged": 1, "superseded": 1}
    assert rejects(engine) == [("a", "resolved", "not_in_list")]


@pytest.mark.parametrize("mode", ["replay", "reload"])
def test_second_replay_writes_nothing(engine, mode):
    source = pulled(engine, [thing("a", "good"), thing("b", "odd")], [thing("b", "bad"), thing("c", "bad")])
    stricter = allowing(source, "odd")
    run(engine, stricter, mode=mode)
    before = physical(engine)

    row = run(engine, stricter, mode=mode)

    assert row["inserted"] == row["updated"] == 0
    assert physical(engine) == before


def test_stricter_rule_deletes_nothing(engine):
    """What is refused now is a reject, and the row that came of it stays."""
    source = pulled(engine, [thing("a", "good")])

    row = run(engine, allowing(source, "odd"), mode="reload")

    assert counts(row) == {"fetched": 1, "rejected": 1}
    assert (list(things(engine)), rejects(engine)) == (["a"], [("a", "open", "not_in_list")])


def test_later_record_settles_what_is_refused_now(engine):
    """Its key came again in order, so the older record needs nobody's attention."""
    source = pulled(engine, [thing("a", "odd")], [thing("a", "good")], names=())

    for _ in range(2):
        run(engine, allowing(source, "good"), mode="reload")
        assert rejects(engine) == [("a", "resolved", "not_in_list")]


def test_new_field_is_filled(engine):
    """A field that was declared later is filled from the pages that were kept, where they have it."""
    source = pulled(engine, [thing("a", "good", brand="x"), thing("b", "odd", brand="y")])
    brand = Field("brand", "string", required=False)
    wider = replace(source.dataset, fields=(*source.dataset.fields, brand))
    mapping = (*source.mapping, Mapping("brand", path="brand"))
    source = replace(source, dataset=wider, mapping=mapping, digest="2")
    declare(engine, source)

    for mode, outcome in (("replay", {"inserted": 1}), ("reload", {"updated": 1, "unchanged": 1})):
        assert counts(run(engine, source, mode=mode)) == {"fetched": sum(outcome.values()), **outcome}
    assert rows(engine, "SELECT key, brand FROM things ORDER BY key") == [("a", "x"), ("b", "y")]


def test_mended_and_refused_again_is_open_again(engine):
    """A reject that a replay resolved is opened again when the rule comes back."""
    source = pulled(engine, [thing("a", "odd")])
    run(engine, source, mode="replay")

    run(engine, allowing(source, "good"), mode="reload")

    assert rejects(engine) == [("a", "open", "not_in_list")]


STEPS = ["guard", "load_again", "count"]


class Killed(BaseException):
    """What no handler catches: the process is gone, and its lease has to end."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("mode", ["replay", "reload"])
def test_killed_replay_goes_on(engine, monkeypatch, mode, step):
    """Killed in the middle of the second page, it goes on with that page, and counts every record once."""
    source = pulled(engine, *[[thing(key, "odd")] for key in "abc"])
    owner, calls = store if step == "load_again" else claims, []
    original = getattr(owner, step)

    def killed_at_second(*args, **kwargs):
        calls.append(step)
        if len(calls) == 2:
            raise Killed
        return original(*args, **kwargs)

    claim = begin(engine, source, mode=mode)
    monkeypatch.setattr(owner, step, killed_at_second)
    with pytest.raises(Killed), Lease(engine, claim, None, seconds=30, every=8) as lease:
        carry_out(engine, source, claim, None, lease)
    monkeypatch.setattr(owner, step, original)
    assert list(things(engine)) == ["a"]

    expire(engine, claim.run_id)
    with engine.begin() as tx:
        successor = claims.claim(tx, claim.run_id, worker="other", lease=30)
    with Lease(engine, successor, None, seconds=30, every=8) as lease:
        assert carry_out(engine, source, successor, None, lease) == "succeeded"

    row = run_row(engine, claim.run_id)
    assert (row["pages"], counts(row)) == (3, {"fetched": 3, "inserted": 3})
    assert [state for _, state, _ in rejects(engine)] == ["resolved"] * 3


def expire(engine, run_id):
    """Let the lease of a run be over."""
    with engine.begin() as tx:
        tx.execute(
            text("UPDATE runs SET lease_until = now() - interval '1 minute' WHERE id = :id"), {"id": run_id}
        )


def test_fenced_replay_writes_nothing(engine):
    source = pulled(engine, [thing("a", "odd")])
    zombie = begin(engine, source, mode="replay")
    expire(engine, zombie.run_id)
    with engine.begin() as tx:
        claims.claim(tx, zombie.run_id, worker="other", lease=30)

    with Lease(engine, zombie, None, seconds=30, every=8) as lease:
        assert carry_out(engine, source, zombie, None, lease) == "lost"

    assert (things(engine), rejects(engine)) == ({}, [("a", "open", "not_in_list")])


def test_cancelled_replay_keeps_its_pages(engine):
    """Put back after its first page and cancelled when it runs again; what was judged stays."""
    source = pulled(engine, *[[thing(key, "odd")] for key in "abc"])
    first = begin(engine, source, mode="replay")
    with Lease(engine, first, None, seconds=30, every=8, stopping=lambda: bool(things(engine))) as lease:
        assert carry_out(engine, source, first, None, lease) == "put back"
    claim = begin(engine, source)
    with engine.begin() as tx:
        assert runs.cancel(tx, claim.run_id) == "running"

    with Lease(engine, claim, None, seconds=30, every=0.01) as lease:
        lease.interrupted.wait(5)
        assert carry_out(engine, source, claim, None, lease) == "cancelled"

    row = run_row(engine, claim.run_id)
    assert (row["id"], row["state"], row["pages"]) == (first.run_id, "cancelled", 1)
    assert list(things(engine)) == ["a"]
    assert [state for _, state, _ in rejects(engine)] == ["resolved", "open", "open"]


def test_one_run_a_source(engine):
    """A replay is asked for while a pull is open: the pull is named, and nothing is made."""
    source = pulled(engine, [thing("a", "odd")])
    pull = begin(engine, source)

    with engine.begin() as tx:
        asked = runs.request(tx, "shop", trigger="replay", mode="replay")

    assert (asked.run_id, asked.created) == (pull.run_id, False)


def test_replay_satisfies_no_slot(engine):
    """What was judged again was not fetched."""
    source = replace(pulled(engine, [thing("a", "odd")]), every=timedelta(days=1))
    with engine.begin() as tx:
        tx.execute(text("UPDATE runs SET started_at = now() - interval '3 days'"))
        today = tx.scalar(text("SELECT now()"))
    run(engine, source, mode="replay")

    assert len(upkeep.request_due(engine, [source], today)) == 1


def test_retention_waits_for_open_rejects(engine):
    """A page goes when its last reject is settled, not before."""
    source = replace(pulled(engine, [thing("a", "odd")], [thing("b", "good")]), keep_raw=timedelta(0))

    assert upkeep.prune(engine, source) == {"raw_pages": 1, "rejects": 0, "parts": 0}
    assert counts(run(engine, source, mode="replay")) == {"fetched": 1, "inserted": 1}
    assert upkeep.prune(engine, source) == {"raw_pages": 1, "rejects": 1, "parts": 0}


def test_lost_page_leaves_its_reject(engine):
    source = pulled(engine, [thing("a", "odd")], [thing("b", "odd")])
    with engine.begin() as tx:
        tx.execute(text("DELETE FROM raw_shop WHERE id = (SELECT min(id) FROM raw_shop)"))

    assert rehearse(engine, source, "replay").without_page == 1
    assert counts(run(engine, source, mode="replay")) == {"fetched": 1, "inserted": 1}
    assert [state for _, state, _ in rejects(engine)] == ["open", "resolved"]


def test_unknown_source_says_what_to_do(engine):
    source = pulled(engine, [thing("a", "odd")])
    claim = begin(engine, source, mode="replay")

    with Lease(engine, claim, None, seconds=30, every=8) as lease:
        assert carry_out(engine, None, claim, None, lease) == "failed"

    row = run_row(engine, claim.run_id)
    assert (row["error_kind"], "catalog/sources/shop.yaml" in row["error_message"]) == ("catalogue", True)


@pytest.mark.parametrize("mode", ["replay", "reload"])
def test_page_that_does_not_fit_keeps_no_other(engine, mode):
    """A page of another format is told at the end, also by who takes over; all others are judged."""
    source = pulled(engine, *[[thing(key, "odd")] for key in "abc"])
    body = b'{"data": []}'
    with engine.begin() as tx:
        tx.execute(
            text("UPDATE raw_shop SET body = :body, size = :size WHERE id = (SELECT min(id) FROM raw_shop)"),
            {"body": zstandard.ZstdCompressor().compress(body), "size": len(body)},
        )
    claim = begin(engine, source, mode=mode)
    for stopping in (lambda: bool(things(engine)), lambda: False):
        with Lease(engine, claim, None, seconds=30, every=8, stopping=stopping) as lease:
            outcome = carry_out(engine, source, claim, None, lease)
        claim = begin(engine, source) if outcome == "put back" else claim

    row = run_row(engine, claim.run_id)
    assert (row["state"], row["error_kind"]) == ("failed", "raw_page")
    assert "1 raw pages of shop do not fit catalog/sources/shop.yaml" in row["error_message"]
    assert (row["pages"], counts(row)) == (3, {"fetched": 2, "inserted": 2})
    assert [state for _, state, _ in rejects(engine)] == ["open", "resolved", "resolved"]


def test_record_that_is_not_found_stays(engine):
    """The declaration looks elsewhere in the page now, and there are fewer records there."""
    source = pulled(engine, [thing("a", "good"), thing("b", "odd")])

    run(engine, replace(source, records="[:1]"), mode="replay")

    assert rejects(engine) == [("b", "open", "not_found")]


def test_changed_key(engine):
    """Under a new key rejects become items; rows under the old one stay, for nothing is deleted."""
    source = pulled(engine, [thing("a", "good", code="x"), {"name": "good", "code": "y"}])

    row = run(engine, replace(source, key=("code",)), mode="replay")

    assert counts(row) == {"fetched": 1, "inserted": 1}
    assert list(things(engine)) == ["a", "y"]


def test_new_key_does_not_undo(engine):
    """Whether a later page brought the row again, unchanged, only `reload` can know; until then both stay."""
    pages = [[thing("a", "first")], [{"name": "second", "code": "a"}], [thing("a", "first")]]
    source = pulled(engine, *pages, names=())

    source = replace(source, key=("id || code",))

    row = run(engine, source, mode="replay")
    assert counts(row) == {"fetched": 1, "superseded": 1}
    assert (things(engine)["a"][0], rejects(engine)) == ("first", [(None, "open", "missing_key")])

    run(engine, source, mode="reload")
    assert (things(engine)["a"][0], rejects(engine)) == ("first", [(None, "resolved", "missing_key")])


def test_slices_of_mixed_files(engine, tmp_path):
    """Each slice is decoded by its own header and marks, also behind the first of its file."""
    (tmp_path / "a.csv").write_text("id,name\n" + "".join(f"a{n},odd\n" for n in range(40)))
    (tmp_path / "b.csv").write_bytes('name;id\n"odd";b1\nshort\n'.encode("utf-16"))
    source = pulled(engine)
    for path, marks in (("a.csv", {"page_size": 100}), ("b.csv", {"delimiter": ";", "encoding": "utf-16"})):

        def pull(http, positions, path=path, marks=marks):
            return csv_file(http, positions, root=tmp_path, path=path, **marks)

        run(engine, allowing(replace(source, pull=pull), "good"))

    row = run(engine, source, mode="replay")

    assert counts(row) == {"fetched": 42, "inserted": 41, "rejected": 1}
    assert rows(engine, "SELECT key, reason FROM rejects WHERE state = 'open'") == [(None, "too_few_fields")]


def test_slices_of_json_lines(engine, tmp_path):
    """Each slice is decoded by its own place in the file; the file is there again, byte by byte."""
    content = "\ufeff" + "".join(f'{{"id":"a{n}", "name":"odd"}}\n' for n in range(40)) + '{"id":"b"\n{"id":'
    (tmp_path / "a.jsonl").write_text(content)
    source = pulled(engine)

    def pull(http, positions):
        return jsonl_file(http, positions, root=tmp_path, path="a.jsonl", page_size=100)

    run(engine, allowing(replace(source, pull=pull), "good"))
    row = run(engine, source, mode="replay")

    assert counts(row) == {"fetched": 42, "inserted": 40, "rejected": 2}
    assert rows(engine, "SELECT position, reason FROM rejects WHERE state = 'open' ORDER BY id") == [
        ("a.jsonl line 41", "not_json"),
        ("a.jsonl line 42", "not_json"),
    ]


def test_rehearsal_tells_and_writes_nothing(engine):
    source = pulled(engine, [thing("a", "odd"), thing("b", "bad")], [{"name": "good"}])
    before = physical(engine)

    told = rehearse(engine, allowing(source, "odd"), "replay")

    assert (told.pages, told.judged, told.mended) == (2, 3, 1)
    assert told.remaining == {("name", "not_in_list"): 1, ("id", "missing_key"): 1}
    assert physical(engine) == before
