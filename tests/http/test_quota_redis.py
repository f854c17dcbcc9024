"""The quota that processes share, on a real Redis."""

import multiprocessing

import pytest
import redis

from ingest.http.quota import Quota


@pytest.fixture
def quota(redis_url):
    """A quota on the test run's Redis."""
    return Quota(redis_url)


def test_pause_expires(quota):
    quota.pause("pause.test", 60)
    quota.pause("pause.test", 1)

    assert 59 < quota.take("pause.test", None) <= 60
    assert quota.take("other.test", None) == 0.0


def test_says_when_free(quota):
    assert quota.take("free.test", "1/minute") == 0.0
    assert 59 < quota.take("free.test", "1/minute") <= 60


def _takes(url, results):
    quota = Quota(url)
    results.put(sum(quota.take("shared.test", "20/hour") == 0.0 for _ in range(30)))


def test_two_processes_share(redis_url):
    spawning = multiprocessing.get_context("spawn")
    results = spawning.Queue()
    workers = [spawning.Process(target=_takes, args=(redis_url, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    taken = [results.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join()
    results.close()
    results.join_thread()

    assert sum(taken) == 20


def test_paused_host_takes_no_token(quota):
    """What is asked for while nobody may ask is not lost for later."""
    quota.pause("both.test", 0.05)
    while quota.take("both.test", "1/minute") > 0:
        pass

    assert 59 < quota.take("both.test", "1/minute") <= 60


def test_turn_is_one_round_trip(quota, monkeypatch):
    sent = []
    send = redis.Redis.execute_command
    monkeypatch.setattr(
        redis.Redis,
        "execute_command",
        lambda *args, **kwargs: sent.append(args[1]) or send(*args, **kwargs),
    )
    quota.take("round.test", "1/minute")
    sent.clear()

    quota.take("round.test", "1/minute")
    quota.take("round.test", None)

    assert sent == ["EVALSHA", "PTTL"]
