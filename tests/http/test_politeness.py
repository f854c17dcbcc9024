"""Quotas, pauses and Retry-After: shared by all, counted for every attempt, never slept through."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ingest.errors import SourceBroken, Stopped, TryLater
from ingest.http.backoff import CAP, LONGEST_PAUSE, backoff, retry_after
from ingest.http.quota import WITHOUT_REDIS, Quota
from tests.http.asking import client, request
from tests.upstream import answer, upstream

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def date(seconds):
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("119", 119.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("Infinity", None),
        ("nan", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 400, None),
        (str(10 * 365 * 86400), LONGEST_PAUSE),
        (date(60), 60.0),
        (date(-60), None),
        (date(10 * 365 * 86400), LONGEST_PAUSE),
        ("Mon, 23 Nov 2026 12:01:00 -0000", 60.0),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_reads_retry_after(header, seconds):
    assert retry_after(header, NOW) == seconds


def test_backoff_grows_to_its_cap():
    waits = [backoff(attempt, base=0.5, chance=lambda: 1.0) for attempt in range(1, 9)]

    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, CAP, CAP]
    assert backoff(5, base=0.5, chance=lambda: 0.25) == 2.0


@pytest.mark.parametrize(("status", "asked"), [(429, "119"), (503, "119")])
def test_long_wait_is_put_back(status, asked):
    with upstream(answer({}, status, Retry_After=asked)) as server, client() as http:
        with pytest.raises(TryLater, match=f"status {status}") as caught:
            http.fetch(request(server))

        assert caught.value.seconds == 119
        assert len(server.journal) == 1


def test_ten_years_are_capped():
    with (
        upstream(answer({}, 429, Retry_After="315360000")) as server,
        client() as http,
        pytest.raises(TryLater) as caught,
    ):
        http.fetch(request(server))

    assert caught.value.seconds == LONGEST_PAUSE


def test_short_wait_is_slept():
    with upstream(answer({}, 429, Retry_After="0.2"), answer([])) as server, client() as http:
        began = time.monotonic()
        http.fetch(request(server))

        assert time.monotonic() - began >= 0.19


def test_stop_ends_waiting():
    stop = threading.Event()
    stop.set()
    with (
        upstream(answer({}, 503, Retry_After="4")) as server,
        client(stop=stop) as http,
        pytest.raises(Stopped),
    ):
        http.fetch(request(server))


def test_pause_holds_for_all():
    quota = Quota("memory://")
    with upstream(answer({}, 429, Retry_After="60")) as server:
        with client(quota) as first, pytest.raises(TryLater):
            first.fetch(request(server))
        with client(quota) as second, pytest.raises(TryLater) as caught:
            second.fetch(request(server))

        assert 59 < caught.value.seconds <= 60
        assert len(server.journal) == 1


def test_500_pauses_nobody():
    quota = Quota("memory://")
    with upstream(answer({}, 500, Retry_After="60"), answer([])) as server:
        with client(quota) as first, pytest.raises(TryLater):
            first.fetch(request(server))
        with client(quota) as second:
            assert second.fetch(request(server)).status == 200


def test_every_attempt_takes_a_token():
    with upstream(answer({}, 500)) as server, client(longest_wait=1.0) as http:
        with pytest.raises(TryLater, match="quota") as caught:
            http.fetch(request(server, rate="3/minute", retries=9))

        assert len(server.journal) == 3
        assert 59 < caught.value.seconds <= 60


def test_quota_is_waited_for():
    quota = Quota("memory://")
    with upstream(answer([])) as server, client(quota) as first, client(quota) as second:
        began = time.monotonic()
        for http in (first, second, first):
            http.fetch(request(server, rate="2/second"))

        assert time.monotonic() - began >= 0.9


def test_hosts_have_their_own_quota():
    quota = Quota("memory://")

    assert quota.take("a.io", "1/hour") == 0.0
    assert quota.take("b.io", "1/hour") == 0.0
    assert 3599 < quota.take("a.io", "1/hour") <= 3600


def test_longer_pause_stays():
    quota = Quota("memory://")
    quota.pause("a.io", 60)
    quota.pause("a.io", 1)

    assert quota.take("a.io", None) > 59
    assert quota.take("b.io", None) == 0.0


def test_without_redis_nothing_is_fetched():
    quota = Quota("redis://127.0.0.1:1/0")
    with upstream(answer([])) as server, client(quota) as http:
        with pytest.raises(TryLater, match="Redis is away") as caught:
            http.fetch(request(server, rate="1/second"))

        assert caught.value.seconds == WITHOUT_REDIS
        assert server.journal == []


def test_429_for_ever_ends():
    with upstream(answer({}, 429)) as server, client() as http:
        with pytest.raises(SourceBroken, match="status 429") as caught:
            http.fetch(request(server))

        assert caught.value.kind == "upstream"
