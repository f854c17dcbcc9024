"""The quota that processes share, on a real Redis."""

import multiprocessing

import pytest

from ingest.http.quota import Quota


@pytest.fixture
def quota(redis_url):
    """A quota on the test run's Redis."""
    return Quota(redis_url)


def test_pause_expires(quota):
    quota.pause("pause.test", 60)
    quota.pause("pause.test", 1)

    assert 59 < quota.paused("pause.test") <= 60
    assert quota.paused("other.test") == 0.0


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
