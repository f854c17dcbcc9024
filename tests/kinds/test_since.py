"""Incremental sources: the watermark skips nothing, believes nothing impossible, and never goes back."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ingest.kinds.sweep import by_their_clock
from ingest.kinds.watermark import asked_from, highest, read, written
from tests.kinds.pulling import Api, ids
from tests.upstream import answer, upstream

SINCE = {"field": "at", "param": "updated_after", "start": None, "lookback": 0.0, "format": "iso"}
NUMBERED = {"type": "page", "param": "page", "start": 1, "size_param": None, "size": 2}
NOON = datetime(2026, 5, 18, 12, 0, tzinfo=UTC)


class Shop:
    """An upstream with records that change, which filters from `updated_after` on and pages by two."""

    def __init__(self):
        self.records = []

    def __call__(self, asked):
        after = asked.query.get("updated_after", "")
        found = sorted((r for r in self.records if r["at"] >= after), key=lambda r: r["at"])
        first = 2 * (int(asked.query.get("page", 1)) - 1)
        return answer(found[first : first + 2])


def at(id, time):
    return {"id": id, "at": f"2026-05-{time}Z"}


@pytest.fixture
def shop():
    return Shop()


def test_asks_from_watermark(shop):
    shop.records = [at("a", "01T00:00:00"), at("b", "02T00:00:00")]
    with upstream(shop) as server:
        api = Api(server, since=SINCE)
        api.pages()
        assert api.positions == {"": {"watermark": "2026-05-02T00:00:00+00:00"}}

        shop.records.append(at("c", "03T00:00:00"))
        assert ids(api.pages()) == ["b", "c"]
        assert [asked.get("updated_after") for asked in api.asked()] == [None, "2026-05-02T00:00:00Z"]


def test_equal_times_are_not_skipped(shop):
    shop.records = [at("a", "01T00:00:00")]
    with upstream(shop) as server:
        api = Api(server, since=SINCE)
        api.pages()
        shop.records.append(at("b", "01T00:00:00"))

        assert "b" in ids(api.pages())


def test_late_rows_within_lookback(shop):
    shop.records = [at("a", "01T00:00:00"), at("b", "05T00:00:00")]
    with upstream(shop) as server:
        api = Api(server, since=SINCE | {"lookback": 86400.0})
        api.pages()
        shop.records.append(at("late", "04T12:00:00"))

        assert "late" in ids(api.pages())
        assert api.positions[""]["watermark"] == "2026-05-05T00:00:00+00:00"


def test_cut_short_keeps_since(shop):
    shop.records = [at(str(day), f"{day:02}T00:00:00") for day in range(1, 7)]
    with upstream(shop) as server:
        api = Api(server, since=SINCE | {"start": "2026-05-02T00:00:00+00:00"}, paginate=NUMBERED)
        before = api.pages(most=1)
        position = api.positions[""]
        after = api.pages()

    assert ids(before) == ["2", "3"]
    assert position["since"] == "2026-05-02T00:00:00Z"
    assert position["high"] == "2026-05-03T00:00:00+00:00"
    assert position["watermark"] is None
    assert ids(after) == ["4", "5", "6"]
    assert {asked["updated_after"] for asked in api.asked()} == {"2026-05-02T00:00:00Z"}
    assert api.positions == {"": {"watermark": "2026-05-06T00:00:00+00:00"}}


def test_future_value_is_not_believed(shop):
    shop.records = [at("a", "01T00:00:00"), {"id": "b", "at": "2999-01-01T00:00:00Z"}]
    with upstream(shop) as server:
        api = Api(server, since=SINCE)

        assert ids(api.pages()) == ["a", "b"]
        assert api.positions[""]["watermark"] == "2026-05-01T00:00:00+00:00"


def test_change_while_reading_is_not_passed(shop):
    def changing(asked):
        now = datetime.now(UTC) + timedelta(milliseconds=5)
        return answer([{"id": "a", "at": "2026-05-01T00:00:00Z"}, {"id": "b", "at": now.isoformat()}])

    with upstream(changing) as server:
        api = Api(server, since=SINCE)
        api.pages()

        assert api.positions[""]["watermark"] == "2026-05-01T00:00:00+00:00"


@pytest.mark.parametrize("values", [[None], ["garbage"], [["x"]], [True], []])
def test_unreadable_moves_nothing(values):
    step = answer([{"id": n, "at": value} for n, value in enumerate(values)])
    with upstream(step) as server:
        api = Api(server, since=SINCE)
        api.positions[""] = {"watermark": "2026-05-01T00:00:00+00:00"}

        assert len(ids(api.pages())) == len(values)
        assert api.positions == {"": {"watermark": "2026-05-01T00:00:00+00:00"}}


def test_never_goes_back():
    with upstream(answer([at("a", "01T00:00:00")])) as server:
        api = Api(server, since=SINCE)
        api.positions[""] = {"watermark": "2026-05-09T00:00:00+00:00"}
        api.pages()

        assert api.positions == {"": {"watermark": "2026-05-09T00:00:00+00:00"}}


def test_numbers_are_compared_as_numbers():
    since = {"field": "id", "param": "after_id", "start": None, "lookback": 0.0, "format": "integer"}
    with upstream(answer([{"id": "9"}, {"id": "10"}, {"id": 2}])) as server:
        api = Api(server, since=since)
        api.pages()
        api.pages()

        assert api.positions == {"": {"watermark": 10}}
        assert api.asked()[1] == {"after_id": "10"}


def test_other_format_begins_at_start():
    since = {"field": "id", "param": "after_id", "start": "5", "lookback": 0.0, "format": "integer"}
    with upstream(answer([])) as server:
        api = Api(server, since=since)
        api.positions[""] = {"watermark": "2026-05-09T00:00:00+00:00"}
        api.pages()

        assert api.asked() == [{"after_id": "5"}]


def test_without_since_reads_everything():
    with upstream(answer([{"id": 1}])) as server:
        api = Api(server)
        api.positions[""] = {"watermark": 7}
        api.pages()

        assert api.positions == {"": {}}


@pytest.mark.parametrize(
    ("value", "format", "instant"),
    [
        ("2026-05-18T12:00:00Z", "iso", NOON),
        ("2026-05-18T14:00:00+02:00", "iso", NOON),
        ("2026-05-18T12:00:00", "iso", NOON),
        ("1779105600", "epoch", NOON),
        ("1779105600000", "epoch_ms", NOON),
        ("1779105600.0000009", "epoch", NOON),
        ("9" * 18, "epoch", None),
        ("1e9", "epoch", None),
        ("12", "integer", 12),
        ("1.5", "integer", None),
        ("9" * 40, "integer", None),
        ("12", "iso", None),
        ({}, "iso", None),
    ],
)
def test_reads_values(value, format, instant):
    assert read(value, format) == instant


@pytest.mark.parametrize(
    ("microseconds", "format", "text"),
    [
        (0, "iso", "2026-05-18T12:00:00Z"),
        (599_000, "iso", "2026-05-18T12:00:00.599Z"),
        (599_001, "iso", "2026-05-18T12:00:00.599001Z"),
        (999_999, "epoch", "1779105600"),
        (999_999, "epoch_ms", "1779105600999"),
    ],
)
def test_writes_never_later(microseconds, format, text):
    assert written(NOON + timedelta(microseconds=microseconds), format) == text


def test_lookback_stays_in_the_calendar():
    first = datetime(1, 1, 1, tzinfo=UTC)

    assert asked_from(SINCE | {"lookback": 86400.0}, first) == "0001-01-01T00:00:00Z"


def test_nested_field():
    records = [{"meta": {"at": "2026-05-18T11:00:00Z"}}, {"meta": None}, 7]

    assert highest(SINCE | {"field": "meta.at"}, records, NOON) == NOON - timedelta(hours=1)


def test_lookback_of_numbers():
    since = {"field": "id", "param": "after_id", "start": None, "lookback": 8, "format": "integer"}
    with upstream(answer([{"id": 10}]), answer([{"id": 10}, {"id": 3}])) as server:
        api = Api(server, since=since)
        api.pages()
        api.pages()

        assert api.asked()[1] == {"after_id": "2"}
        assert api.positions == {"": {"watermark": 10}}


@pytest.mark.parametrize(("watermark", "asked"), [(5, "0"), (-3, "-3")])
def test_lookback_does_not_go_below_zero(watermark, asked):
    assert asked_from(SINCE | {"format": "integer", "lookback": 100}, watermark) == asked


def test_slow_clock_is_not_passed():
    """Their clock is an hour behind: what they stamp now, they may stamp on a page already read."""
    theirs = datetime.now(UTC) - timedelta(hours=1)
    late = {"id": "b", "at": (theirs + timedelta(minutes=5)).isoformat()}
    with upstream(answer([at("a", "01T00:00:00"), late])) as server:
        server._server.RequestHandlerClass.date_time_string = lambda *_: format_datetime(theirs)
        api = Api(server, since=SINCE)
        api.pages()

        assert api.positions[""]["watermark"] == "2026-05-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Mon, 18 May 2026 13:00:00 GMT", NOON),
        ("Mon, 18 May 2026 11:00:09 GMT", NOON - timedelta(seconds=3600)),
        ("Mon, 18 May 2026 12:00:09 -0000", NOON),
        ("Mon, 01 Jan 0001 00:00:01 GMT", None),
        ("yesterday", NOON),
        ("", NOON),
        (None, NOON),
    ],
)
def test_earlier_clock_counts(date, moment):
    found = by_their_clock(NOON, NOON + timedelta(seconds=9), date)

    assert found == moment if moment else found <= NOON


def test_path_that_does_not_fit():
    records = [{"at": None}, {"at": ["2026-05-18T11:00:00Z"]}]
    field = "join('', at)"

    assert highest(SINCE | {"field": field}, records, NOON) == NOON - timedelta(hours=1)
