"""Real workers at one run that is divided: they share it, and nobody's death, stop or absence costs a row."""

import textwrap
from threading import Event

import pytest
from flask import request as asked
from sqlalchemy import text

from ingest import catalog, db, runs
from ingest.db import engine
from ingest.heartbeat import connect
from ingest.migrate import migrate
from local.sandbox.coingecko import coin_id
from tasks.runs import publish, publish_missing_pullers
from tests.conftest import forget
from tests.tasks.system import one, wait_until

RUN = "SELECT * FROM runs WHERE id = :id"
SOURCE = """
    dataset: items
    kind: http_json
    options:
      url: {url}/coins/markets
      params: {{order: id_asc}}
      paginate: {{type: page, size_param: per_page, size: 100}}
    parts: {{by: values, param: vs_currency, values: [usd, btc, eur]}}
    key: id
    fields:
      symbol: {{from: symbol, case: upper}}
      name: name
      price_usd: current_price
"""


@pytest.fixture
def gate(box):
    """Closed, it lets each part's first page through and holds all others: nobody ends early."""
    opened = Event()

    @box.app.before_request
    def wait() -> None:
        if asked.args.get("page") != "1":
            opened.wait()

    yield opened
    opened.set()


@pytest.fixture
def divided(database, box, tmp_path, monkeypatch):
    """The source `coins`, of which each of three currencies is a part: the same keys in all of them."""
    folder = tmp_path / "catalog"
    for name in ("sources", "datasets"):
        (folder / name).mkdir(parents=True)
    shipped = (db.settings().catalog_dir / "datasets" / "items.yaml").read_text()
    (folder / "datasets" / "items.yaml").write_text(shipped.replace("newest_by: observed_at", ""))
    (folder / "sources" / "coins.yaml").write_text(textwrap.dedent(SOURCE.format(url=box.url)))
    monkeypatch.setenv("CATALOG_DIR", str(folder))
    forget()
    migrate(db.engine(), catalog.catalog())
    return box


def request() -> int:
    """Request a run of the source, as the API does, and publish it."""
    with engine().begin() as tx:
        requested = runs.request(tx, "coins", trigger="api")
    publish(requested.run_id, "coins")
    return requested.run_id


def ended(run_id):
    """The run's row once it has ended."""
    row = one(engine(), RUN, id=run_id)
    return row if row["finished_at"] else None


def shared(run_id):
    """The workers that pull parts at this moment, once there are two."""
    with engine().connect() as connection:
        query = "SELECT DISTINCT worker FROM parts WHERE run_id = :id AND state = 'running' AND pages > 0"
        found = list(connection.scalars(text(query), {"id": run_id}))
    return found if len(found) > 1 else None


def expect_every_coin_once(box):
    """The items are the active coins, each once, with the price of the last part.

    Without a price a coin is the same in every currency, and stays as it came first.
    """
    query = "SELECT key, part, price_usd FROM items JOIN raw_data r ON r.id = raw_id"
    with engine().connect() as connection:
        rows = connection.execute(text(query)).all()
    assert sorted(row.key for row in rows) == sorted(coin_id(coin) for coin in box.world.active)
    assert {row.part for row in rows if row.price_usd} == {"vs_currency=eur"}


def test_two_workers_share_a_run(divided, running, gate):
    running.start("worker", "second")

    run_id = request()

    workers = wait_until(lambda: shared(run_id), what="two workers at the run")
    gate.set()
    row = wait_until(lambda: ended(run_id), what="the run")
    assert {name.partition("@")[0] for name in workers} == {"worker", "second"}
    assert (row["state"], row["attempts"], row["parts_done"]) == ("succeeded", 1, 3)
    assert row["fetched"] == 3 * 600
    expect_every_coin_once(divided)


@pytest.mark.parametrize("victim", ["worker", "second"])
def test_killed_puller_is_replaced(divided, running, gate, victim):
    """Its part is taken over when its lease ends; whoever planned the run is no more than any other."""
    running.start("worker", "second", "control", "beat")
    run_id = request()
    wait_until(lambda: shared(run_id), what="two workers at the run")

    running.kill(victim)
    gate.set()

    row = wait_until(lambda: ended(run_id), what="the run")
    assert (row["state"], row["attempts"]) == ("succeeded", 1)
    assert one(engine(), "SELECT max(attempts) AS most FROM parts")["most"] == 2
    expect_every_coin_once(divided)


def test_all_pullers_are_killed(divided, running, gate):
    """Whoever comes next goes on; what was committed is not pulled again."""
    running.start("worker", "second", "control", "beat")
    run_id = request()
    wait_until(lambda: shared(run_id), what="two workers at the run")

    running.kill("worker")
    running.kill("second")
    running.start("worker")
    gate.set()

    row = wait_until(lambda: ended(run_id), what="the run")
    assert (row["state"], row["fetched"]) == ("succeeded", 3 * 600)
    assert one(engine(), "SELECT max(attempts) AS most FROM parts")["most"] == 2
    expect_every_coin_once(divided)


def test_stopped_puller_hands_its_part_back(divided, running, gate):
    """A deploy of one worker costs no attempt, and the other goes on."""
    running.start("worker", "second", "control", "beat")
    run_id = request()
    wait_until(lambda: shared(run_id), what="two workers at the run")

    divided.faults([{"do": "slow", "path": "/api/v3/coins", "count": 30, "seconds": 0.5}])
    gate.set()
    assert running.stop("second") == 0
    divided.faults([])

    row = wait_until(lambda: ended(run_id), what="the run")
    assert (row["state"], row["attempts"]) == ("succeeded", 1)
    assert one(engine(), "SELECT max(attempts) AS most FROM parts")["most"] == 1
    expect_every_coin_once(divided)


def test_cancel_reaches_all(divided, running, gate):
    running.start("worker", "second")
    run_id = request()
    wait_until(lambda: shared(run_id), what="two workers at the run")

    with engine().begin() as tx:
        runs.cancel(tx, run_id)
    gate.set()

    row = wait_until(lambda: ended(run_id), what="the run")
    assert (row["state"], row["pages"], row["parts_done"]) == ("cancelled", 2, 0)


def test_lost_wake_up_is_sent_again(divided, running, gate, redis_url):
    """A worker that comes later hears of the run, though the messages of its beginning are gone."""
    running.start("worker")
    run_id = request()
    wait_until(lambda: one(engine(), RUN, id=run_id)["pages"] > 0, what="the first page")
    with connect(redis_url) as broker:
        broker.flushall()
    with engine().begin() as tx:
        tx.execute(text("UPDATE runs SET published_at = now() - interval '6 seconds'"))

    assert publish_missing_pullers() == [run_id]
    running.start("second")
    wait_until(lambda: shared(run_id), what="two workers at the run")
    gate.set()
    assert wait_until(lambda: ended(run_id), what="the run")["state"] == "succeeded"
