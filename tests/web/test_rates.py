"""How often one may ask: by key or address, with Redis or without it, and never in the way of health."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from ingest import keys
from ingest.errors import ConfigInvalid
from ingest.settings import read
from local.servers import free_port
from tests.conftest import API_KEY, forget
from tests.servers import Servers
from tests.web.seeding import Seed
from tests.web.test_errors import assert_problem
from webapp import create_app
from webapp.rates import Ahead, neighbourhood

Made = Callable[..., FlaskClient]


@pytest.fixture
def made(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Makes a client of an application of its own: 5 requests and 3 failures a day unless said otherwise."""

    def make(**variables: str) -> FlaskClient:
        rates = {"RATE_LIMIT": "5/day", "FAILED_RATE_LIMIT": "3/day"}
        for name, value in (rates | variables).items():
            monkeypatch.setenv(name, value)
        forget()
        return create_app().test_client()

    yield make
    forget()


def statuses(client: FlaskClient, many: int, path: str = "/runs", **options: object) -> list[int]:
    """The statuses of many equal requests."""
    return [client.get(path, **options).status_code for _ in range(many)]


def test_burst_is_cut(made: Made) -> None:
    client = made()

    assert statuses(client, 50) == [200] * 5 + [429] * 45
    reply = client.get("/runs")
    assert "5/day" in assert_problem(reply, 429)["detail"]
    assert 0 < int(reply.headers["Retry-After"]) <= 2 * 86400
    assert reply.headers["Cache-Control"] == "no-store"


def test_all_processes_count_together(made: Made) -> None:
    first, second = made(), made()

    assert statuses(first, 3) == [200] * 3
    assert statuses(second, 3) == [200, 200, 429]


def ways_to(redis_url: str) -> int:
    """How often its counters were asked."""
    return Redis.from_url(redis_url).info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]


def test_counts_ahead_and_no_further(made: Made, redis_url: str) -> None:
    """A hundredth at once spares most ways to Redis; together they pass no more than the rate."""
    first, second = made(RATE_LIMIT="300/day"), made(RATE_LIMIT="300/day")
    before = ways_to(redis_url)

    assert statuses(first, 200) == [200] * 200
    assert ways_to(redis_url) - before < 70
    assert 98 <= statuses(second, 200).count(200) <= 100  # The first one has one or two left.


def test_all_of_a_large_rate_pass(made: Made) -> None:
    assert statuses(made(RATE_LIMIT="250/day"), 260) == [200] * 250 + [429] * 10


def test_counted_ahead_ends_with_its_window() -> None:
    ahead = Ahead()
    ahead.put("1000/day", "one", 2, seconds=60)
    ahead.put("1000/day", "two", 2, seconds=-1)

    assert [ahead.use("1000/day", "one") for _ in range(3)] == [True, True, False]
    assert not ahead.use("1000/day", "two")


def test_unknown_paths_count(made: Made) -> None:
    client = made()

    assert statuses(client, 6, "/nothing") == [404] * 5 + [429]
    assert statuses(client, 1) == [429]


def test_health_is_never_refused(made: Made) -> None:
    client = made()
    statuses(client, 6)

    assert statuses(client, 10, "/health/live") == [200] * 10
    assert statuses(client, 10, "/health") == [200] * 10


def test_wrong_keys_in_health_count(made: Made) -> None:
    """No route is free for guessing, and none is refused for it here."""
    client = made(PUBLIC_READS="false")
    wrong = {"x-api-key": "wrong"}

    assert statuses(client, 10, "/health") == [200] * 10
    assert statuses(client, 1, headers=wrong) == [401]
    assert statuses(client, 10, "/health", headers=wrong) == [200] * 10
    assert statuses(client, 1, headers=wrong) == [429]


def test_each_key_has_its_own_count(made: Made, seed: Seed) -> None:
    client = made()
    with seed.engine.begin() as tx:
        issued = [keys.create(tx, name, "read").key for name in ("one", "two")]

    for key in (*issued, API_KEY):
        assert statuses(client, 6, headers={"x-api-key": key}) == [200] * 5 + [429]
    assert statuses(client, 1) == [200]


def test_each_address_has_its_own_count(made: Made) -> None:
    client = made()

    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1"):
        assert statuses(client, 6, environ_base={"REMOTE_ADDR": address}) == [200] * 5 + [429]


def test_addresses_of_one_customer_count_together(made: Made) -> None:
    client = made()
    mine = [f"2001:db8:0:7::{number}" for number in range(1, 7)]

    replies = [client.get("/runs", environ_base={"REMOTE_ADDR": one}).status_code for one in mine]

    assert replies == [200] * 5 + [429]
    assert statuses(client, 1, environ_base={"REMOTE_ADDR": "2001:db8:0:8::1"}) == [200]


def test_mapped_address_is_the_address(made: Made) -> None:
    """As a socket for both IPv4 and IPv6 shows those of IPv4."""
    client = made()

    for address in ("::ffff:192.0.2.1", "::ffff:192.0.2.2"):
        assert statuses(client, 5, environ_base={"REMOTE_ADDR": address}) == [200] * 5
    assert statuses(client, 1, environ_base={"REMOTE_ADDR": "192.0.2.1"}) == [429]


def forwarded(client: FlaskClient, *addresses: str) -> list[int]:
    """The statuses of requests that claim to come from these addresses."""
    return [client.get("/runs", headers={"X-Forwarded-For": one}).status_code for one in addresses]


def test_forged_address_does_not_help(made: Made) -> None:
    others = {"Forwarded": "for=192.0.2.9", "X-Real-IP": "192.0.2.9", "True-Client-IP": "192.0.2.9"}
    client = made()

    assert forwarded(client, *(f"192.0.2.{number}" for number in range(6))) == [200] * 5 + [429]
    assert statuses(client, 1, headers=others) == [429]


def test_proxies_are_counted_from_the_end(made: Made) -> None:
    """What a client claims stands before what our proxy adds."""
    client = made(PROXIES="1")

    claimed = [f"192.0.2.{number}, 198.51.100.7" for number in range(6)]
    assert forwarded(client, *claimed) == [200] * 5 + [429]
    assert forwarded(client, "192.0.2.1, 198.51.100.8") == [200]


def test_failures_have_a_stricter_count(made: Made) -> None:
    client = made(RATE_LIMIT="1000/day")

    wrong = [client.get("/rejects", headers={"x-api-key": f"guess {number}"}) for number in range(10)]

    assert [reply.status_code for reply in wrong] == [401] * 3 + [429] * 7
    assert int(wrong[-1].headers["Retry-After"]) > 0
    assert statuses(client, 1, "/rejects") == [429]


def test_failures_of_others_lock_nobody_out(made: Made) -> None:
    client = made()
    statuses(client, 10, "/rejects", headers={"x-api-key": "wrong"})

    assert statuses(client, 1, "/rejects", headers={"x-api-key": API_KEY}) == [200]
    assert statuses(client, 1) == [200]


def test_scope_that_is_missing_is_counted(made: Made, seed: Seed) -> None:
    client = made()
    with seed.engine.begin() as tx:
        key = keys.create(tx, "one", "read").key

    replies = [client.post("/run-etl", headers={"x-api-key": key}).status_code for _ in range(7)]

    assert replies == [403] * 5 + [429] * 2


def test_without_redis_the_process_counts(made: Made) -> None:
    client = made(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")

    assert statuses(client, 7) == [200] * 5 + [429] * 2
    assert statuses(client, 5, "/rejects") == [401] * 3 + [429] * 2


def test_redis_goes_in_between(made: Made, started: Servers) -> None:
    """Neither an error nor a pause: whoever had asked less than allowed may go on asking."""
    client = made()
    assert statuses(client, 2) == [200] * 2

    started.redis.stop()
    try:
        assert statuses(client, 6) == [200] * 5 + [429]
    finally:
        started.redis.start()


def test_frozen_redis_costs_a_moment_once(made: Made) -> None:
    """A fifth of a second for the first request, nothing for those after it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as frozen:
        client = made(REDIS_URL=f"redis://127.0.0.1:{frozen.getsockname()[1]}/0", RATE_LIMIT="1000/day")

        began = time.monotonic()
        replies = statuses(client, 20)
        took = time.monotonic() - began

    assert replies == [200] * 20
    assert 0.15 < took < 1.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE_LIMIT", "many"),
        ("RATE_LIMIT", "0/minute"),
        ("FAILED_RATE_LIMIT", "10 per fortnight"),
        ("PROXIES", "-1"),
        ("PROXIES", "one"),
    ],
)
def test_bad_setting_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigInvalid, match=name):
        read()


def test_whose_requests_an_address_stands_for() -> None:
    """A customer has a /64 of IPv6; an IPv4 address written as IPv6 is still one address."""
    assert neighbourhood("2001:db8:1:2::9") == neighbourhood("2001:db8:1:2:ffff::1")
    assert neighbourhood("2001:db8:1:2::9") != neighbourhood("2001:db8:1:3::9")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1")
    assert neighbourhood("::ffff:192.0.2.1") != neighbourhood("::ffff:192.0.2.2")
