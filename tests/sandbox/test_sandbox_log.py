"""The request log and the other paths under `/_sandbox`."""

from concurrent.futures import ThreadPoolExecutor

from local.sandbox.app import create_app
from local.sandbox.world import World

PING = "/api/v3/ping"
WORLD = World(size=40)


def test_log_tells_what_happened() -> None:
    client = create_app("coingecko", WORLD, keys=["right"]).test_client()
    client.get(f"{PING}?x_cg_demo_api_key=wrong", headers={"X-Secret": "value"})

    (entry,) = client.get("/_sandbox/requests").json

    assert entry["method"] == "GET"
    assert (entry["path"], entry["status"], entry["key"]) == (PING, 401, "wrong")
    assert "X-Secret" in entry["headers"]
    assert "value" not in str(entry)
    assert entry["query"] == {"x_cg_demo_api_key": "…"}


def test_log_clears() -> None:
    client = create_app("coingecko", WORLD).test_client()
    client.get(PING)

    assert client.delete("/_sandbox/requests").json == []
    assert client.get("/_sandbox/requests").json == []


def test_log_drops_nothing_under_threads() -> None:
    app = create_app("coingecko", WORLD, limit=0)

    def ask(number: int) -> int:
        return app.test_client().get(f"{PING}?n={number}").status_code

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(400)))

    entries = app.config["LOG"].entries()
    assert sorted(int(entry["query"]["n"]) for entry in entries) == list(range(400))
    assert {entry["status"] for entry in entries} == {200}


def test_admin_ticks_the_world() -> None:
    client = create_app("coingecko", World(size=60), limit=1).test_client()
    before = client.get("/_sandbox/world").json

    after = client.post("/_sandbox/tick").json

    assert (before["ticks"], after["ticks"]) == (0, 1)
    assert before["digest"] != after["digest"]
