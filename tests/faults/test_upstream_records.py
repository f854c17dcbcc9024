"""Records that are no longer what they were: drift stops a run. And which records are the same one: keys."""

import pytest

from tests.faults.shop import thing, things
from tests.upstream import Play, answer, upstream

NUMBERED = {"type": "page"}
DRIFTS = {
    "renamed": lambda record: {"id": record["id"], "title": record["name"]},
    "removed": lambda record: {"id": record["id"]},
    "null": lambda record: record | {"name": None},
    "another type": lambda record: record | {"price": {"amount": 1}},
    "another unit": lambda record: record | {"price": "1.00 USD"},
    "no key": lambda record: {"key": record["id"], "name": record["name"]},
    "no object": lambda record: [record["id"], record["name"]],
}


def drifted(first, last, how=DRIFTS["renamed"]):
    """Records that the source's mapping does not fit."""
    return [how(record) for record in things(first, last)]


@pytest.mark.parametrize("how", DRIFTS.values(), ids=DRIFTS)
def test_drift_writes_nothing(shop, how):
    """U15: and when the mapping, or the upstream, is mended, everything is there."""
    with upstream(answer(drifted(0, 250, how)), answer(things(0, 250))) as server:
        failed = shop.declare(server.url).run()

        assert (failed.state, failed.error_kind, failed.fetched, failed.rejected) == ("failed", "drift", 0, 0)
        assert "250 of the run's first 250 records are rejects" in failed.error_message
        assert "(250 times); the first is page 1, record 1." in failed.error_message
        assert "kasparro preview shop" in failed.error_message
        assert (shop.items(), shop.rejects(), shop.raw(), shop.position()) == ({}, [], [], None)
        assert shop.run().inserted == 250


def test_new_field_is_no_drift(shop):
    """U15: what a source does not map, it does not look at."""
    with upstream(answer([thing(number, colour="red") for number in range(250)])) as server:
        assert shop.declare(server.url).run().inserted == 250


def test_pages_before_the_drift_stay(shop):
    """U15: half is allowed; the page that makes it more is not written, and the next run begins with it."""
    pages = [things(0, 60), drifted(60, 120), drifted(120, 180), []]

    def step(asked):
        return answer(pages[int(asked.query["page"]) - 1])

    with upstream(step) as server:
        failed = shop.declare(server.url, paginate=NUMBERED).run()

        assert (failed.error_kind, failed.pages, failed.inserted, failed.rejected) == ("drift", 2, 60, 60)
        assert "120 of the run's first 180" in failed.error_message
        assert (len(shop.items()), len(shop.rejects()), shop.position()["page"]) == (60, 60, 2)

        pages[2], so_far = things(120, 180), len(server.journal)
        mended = shop.run()
        assert (server.journal[so_far].query["page"], mended.state, mended.inserted) == ("3", "succeeded", 60)


@pytest.mark.parametrize(
    ("bad", "of", "percent", "state"),
    [
        (99, 99, 50, "succeeded"),
        (50, 100, 50, "succeeded"),
        (51, 100, 50, "failed"),
        (100, 100, 100, "succeeded"),
        (1, 100, 0, "failed"),
        (0, 100, 0, "succeeded"),
        (10, 100, 10, "succeeded"),
    ],
)
def test_limit_is_declared(shop, bad, of, percent, state):
    """U15"""
    with upstream(answer(drifted(0, bad) + things(bad, of))) as server:
        row = shop.declare(server.url, source={"max_reject_percent": percent}).run()

    assert row.state == state


def test_limit_is_by_default_half(shop):
    """U15"""
    with upstream(
        answer(drifted(0, 51) + things(51, 100)), answer(drifted(0, 50) + things(50, 100))
    ) as server:
        shop.declare(server.url)

        assert [shop.run().state for _ in range(2)] == ["failed", "succeeded"]


def test_count_goes_on_after_a_pause(shop):
    """U15: what the run has counted before it was put back counts."""
    steps = [answer(drifted(0, 60)), answer({}, 429, Retry_After="60"), answer(drifted(60, 120))]
    with upstream(*steps) as server:
        waiting = shop.declare(server.url, paginate=NUMBERED).run()
        with shop.db.begin() as tx:
            tx.exec_driver_sql("UPDATE runs SET not_before = NULL")
        failed = shop.run()

        assert (waiting.state, failed.id) == ("queued", waiting.id)
        assert (failed.error_kind, failed.rejected) == ("drift", 60)
        assert "120 of the run's first 120" in failed.error_message


def test_file_that_drifted_is_read_again(shop, tmp_path, monkeypatch):
    """U15: of a file too; its position does not move past what was not written."""
    monkeypatch.setenv("FILES_ROOT", str(tmp_path))
    file = tmp_path / "a.csv"
    file.write_text("id,name,price\n" + "".join(f"{number},,1\n" for number in range(200)))
    failed = shop.declare_file("a.csv").run()

    assert (failed.error_kind, shop.items(), shop.position()) == ("drift", {}, None)
    assert "name: required (200 times)" in failed.error_message


NFC, NFD = "caf\u00e9", "cafe\u0301"
KEYS = {
    "number and text": ([1, "1"], ["1"]),
    "number as it is written": ([1, "1.0", "01", "1e0"], ["1", "1.0", "01", "1e0"]),
    "white space around": (["a", " a", "a\t", "\u00a0a\u2003", "\n a \r"], ["a"]),
    "white space inside": (["a b", "a  b", "a\u00a0b"], ["a b", "a  b", "a\u00a0b"]),
    "case": (["a", "A"], ["a", "A"]),
    "composed and not": ([NFC, NFD], [NFC, NFD]),
    "look-alikes": (["a", "\u0430"], ["a", "\u0430"]),
    "boolean": ([True, "true"], ["true"]),
    "zero": ([0, "0", -1], ["0", "-1"]),
    "as text it is null": (["null", "None"], ["null", "None"]),
}


@pytest.mark.parametrize(("ids", "keys"), KEYS.values(), ids=KEYS)
def test_same_key_or_another(shop, ids, keys):
    """U16: a key is its text, trimmed: no type, no case, no Unicode form is changed."""
    with upstream(answer([thing(each) for each in ids])) as server:
        row = shop.declare(server.url).run()

    assert sorted(shop.items()) == sorted(keys)
    assert (row.inserted, row.superseded, row.rejected) == (len(keys), len(ids) - len(keys), 0)


def test_number_keeps_its_text(shop):
    """U16: what JSON writes differently is another key; nothing is computed."""
    body = b'[{"id": 1, "name": "a"}, {"id": 1.0, "name": "b"}, {"id": 1e0, "name": "c"}]'
    with upstream(Play(200, body, {"Content-Type": "application/json"})) as server:
        shop.declare(server.url).run()

    assert sorted(shop.items()) == ["1", "1.0", "1e0"]


NO_KEYS = {
    "null": None,
    "empty": "",
    "white space": " \t\u00a0",
    "list": [1],
    "object": {"a": 1},
    "long": "k" * 1001,
}


@pytest.mark.parametrize("key", NO_KEYS.values(), ids=NO_KEYS)
def test_no_key_is_a_reject(shop, key):
    """U16: its neighbour stands."""
    with upstream(answer([thing("good"), thing(1) | {"id": key}, {"name": "no id at all"}])) as server:
        row = shop.declare(server.url).run()

    assert (row.state, row.rejected, list(shop.items())) == ("succeeded", 2, ["good"])
    assert shop.rejects()[1] == (None, "missing_key")


def test_half_a_key_is_a_reject(shop):
    """U16: of a key of two parts each has to be there, and they do not run together."""
    found = [{"id": a, "of": b, "name": "n"} for a, b in (("a", "bc"), ("ab", "c"), ("a", None), ("", "c"))]
    with upstream(answer(found)) as server:
        row = shop.declare(server.url, source={"key": ["id", "of"]}).run()

    assert sorted(shop.items()) == ['["a","bc"]', '["ab","c"]']
    assert row.rejected == 2
