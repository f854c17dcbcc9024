"""Limits and quotas of the stand-ins, on a clock that the test sets."""

from concurrent.futures import ThreadPoolExecutor

from flask.testing import FlaskClient

from local.sandbox.app import create_app
from local.sandbox.world import World

TICKERS = "/v1/tickers?limit=1"
PING = "/api/v3/ping"
WORLD = World(size=40)


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def paprika(**options: object) -> FlaskClient:
    return create_app("coinpaprika", WORLD, **({"limit": 0} | options)).test_client()


def gecko(**options: object) -> FlaskClient:
    return create_app("coingecko", WORLD, **({"limit": 0} | options)).test_client()


def test_coinpaprika_allows_ten_a_second() -> None:
    clock = Clock()
    client = paprika(limit=None, clock=clock)

    statuses = [client.get(TICKERS).status_code for _ in range(11)]
    refused = client.get(TICKERS)
    clock.now = 1.0

    assert statuses == [200] * 10 + [429]
    assert "Retry-After" not in refused.headers
    assert refused.json == {"error": "too many requests"}
    assert client.get(TICKERS).status_code == 200


def test_coingecko_allows_thirty_a_minute() -> None:
    client = gecko(limit=None, clock=Clock())

    statuses = [client.get(PING).status_code for _ in range(31)]
    refused = client.get(PING)

    assert statuses == [200] * 30 + [429]
    assert refused.headers["Retry-After"] == "60"
    assert sorted(refused.json["status"]) == ["error_code", "error_message"]


def test_retry_after_is_true() -> None:
    clock = Clock()
    client = gecko(limit=2, clock=clock)
    for clock.now in (0.0, 10.0):
        client.get(PING)

    wait = int(client.get(PING).headers["Retry-After"])
    clock.now += wait

    assert wait == 60
    assert client.get(PING).status_code == 200


def test_failed_calls_count() -> None:
    client = gecko(limit=2, clock=Clock())

    statuses = [client.get("/api/v3/nothing").status_code for _ in range(3)]

    assert statuses == [404, 404, 429]


def test_limits_are_per_key_and_address() -> None:
    client = gecko(limit=1, keys=["one", "two"], clock=Clock())

    statuses = [client.get(PING, headers={"x-cg-demo-api-key": key}).status_code for key in ("one", "two")]
    again = client.get(PING, headers={"x-cg-demo-api-key": "one"})

    assert statuses == [200, 200]
    assert again.status_code == 429
    assert client.get(PING).status_code == 401


def test_addresses_do_not_share_a_limit() -> None:
    client = paprika(limit=1, clock=Clock())

    here = [client.get(TICKERS).status_code for _ in range(2)]
    there = client.get(TICKERS, environ_base={"REMOTE_ADDR": "127.0.0.9"}).status_code

    assert (here, there) == ([200, 429], 200)


def test_used_up_quota_is_402() -> None:
    client = paprika(quota=2)

    assert [client.get(TICKERS).status_code for _ in range(3)] == [200, 200, 402]


def test_key_info_counts_the_quota() -> None:
    client = paprika(quota=5, keys=["right"])

    info = client.get("/v1/key/info", headers={"Authorization": "right"}).json

    assert info["usage"]["current_month"] == {"requests_made": 1, "requests_left": 4}
    assert client.get("/v1/key/info").status_code == 402


def test_limit_is_exact_under_threads() -> None:
    app = create_app("coingecko", WORLD, limit=50, clock=Clock())

    def ask(_: int) -> int:
        return app.test_client().get(PING).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(ask, range(200)))

    assert statuses.count(200) == 50
