"""I18: no credential in any log, table, reply, message, title or file, whatever fault happens.

The one place where a secret may stand is a reply of an upstream that says it back inside a page that is
good: its bytes are kept as they came, and its records are what it says. That is the upstream's data.
"""

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import psycopg2
import pytest
import redis
from sqlalchemy import text

from tests.faults import canaries
from tests.faults.canaries import EVERY, PLAIN
from tests.faults.echoing import FAULTS, WAYS, told
from tests.faults.watched import watched
from tests.kit.fleet import wait_until

KEY = PLAIN["api_key"]
CLI, AWAY = ("-m", "cli", "--debug"), 6
CELERY = ("-m", "celery", "-A", "tasks")
KINDS = {
    "good": ("succeeded", None),
    "401": ("failed", "auth"),
    "429": ("failed", "upstream"),
    "500": ("failed", "upstream"),
    "html": ("failed", "reply"),
    "redirect": ("failed", "request"),
    "silent": ("failed", "network"),
    "cut": ("failed", "network"),
    "tls": ("failed", "network"),
    "refused": ("failed", "network"),
    "bug": ("failed", "bug"),
}


@pytest.fixture(scope="module")
def system():
    """The system after every source has met its fault, and after the servers have had theirs."""
    with watched() as made:
        wait_until(lambda: _answers(made), seconds=60, what="the API")
        made.request_all()
        wait_until(made.settled, seconds=120, what="every run to end")
        ends = made.states()
        _use_the_api(made)
        _disturb_the_servers(made)
        made.ends = ends
        yield made


def _answers(made):
    try:
        return made.ask("/health/live", key=None)
    except OSError:
        return False


def _use_the_api(made):
    """Every GET route, with the key, without, and with a wrong one; requests that are refused too."""
    ids = {
        "/data/{id}": "things",
        "/data/{id}/raw": "things",
        "/runs/{id}": "runs",
        "/rejects/{id}": "rejects",
    }
    with made.db.connect() as connection:
        known = {path: connection.scalar(text(f"SELECT min(id) FROM {table}")) for path, table in ids.items()}
    assert made.ask("/openapi.json", key=KEY) == 200
    paths = json.loads(list(made.said.values())[-1].partition("\n")[2])["paths"]
    for path, methods in paths.items():
        if "get" in methods:
            for key in (KEY, None, f"{KEY}0"):
                made.ask(path.replace("{id}", str(known.get(path))), key=key)
    for query in ("?state=failed&limit=200", "?cursor=x", f"?api_key={quote('nobody')}"):
        made.ask(f"/runs{query}", key=KEY)
    made.ask("/run-etl", key=KEY, method="POST", json={"source": "header_good"})
    made.ask("/run-etl", key=KEY, method="POST", data=b"{")
    wait_until(made.settled, seconds=60, what="the run that was asked for")


def _disturb_the_servers(made):
    """PostgreSQL and Redis go away, and let nobody in; processes start in that."""
    for proxy in (made.postgres, made.redis):
        proxy.weather.refusing = True
        proxy.cut()
        for path in ("/health", "/data", "/runs", "/stats", "/metrics"):
            made.ask(path, key=KEY)
        made.ask("/run-etl", key=KEY, method="POST", json={"source": "bearer_good"})
        proxy.weather.refusing = False
    wrong = {
        "REDIS_URL": f"redis://:{PLAIN['wrong_redis']}@127.0.0.1:{made.redis.port}/0",
        "DATABASE_URL": f"postgresql://ingest:{PLAIN['wrong_postgres']}@127.0.0.1:{made.postgres.port}/canaries",
    }
    _start_with_wrong_passwords(made, wrong)
    _look_around(made)
    wait_until(made.settled, seconds=60, what="all runs after the faults")


def _start_with_wrong_passwords(made, wrong):
    asked = [
        [method, path, None, {}]
        for method, path in (("GET", "/health"), ("GET", "/runs"), ("POST", "/run-etl"))
    ]
    for name, url in wrong.items():
        assert made.process("-m", "tests.faults.api", json.dumps(asked), **{name: url}) == 0
        made.process(*CLI, "run", "header_good", "--detach", **{name: url})
    for command in ("status", "migrate", "runs"):
        assert made.process(*CLI, command, DATABASE_URL=wrong["DATABASE_URL"]) == AWAY
    assert made.process(*CELERY, "worker", "-Q", "etl.run", "-c", "1", REDIS_URL=wrong["REDIS_URL"])


def _look_around(made):
    """What people type, with tracebacks and logs."""
    for fault in FAULTS:
        made.process(*CLI, "preview", f"query_{fault}")
    assert made.process(*CLI, "status") == 0
    made.process(*CLI, "check")
    for what in ("conf", "stats"):
        assert made.process(*CELERY, "inspect", what) == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_was_met(system, fault):
    """Else its messages were not looked at."""
    assert {system.ends[f"{way}_{fault}"] for way in WAYS} == {KINDS[fault]}


@pytest.mark.parametrize("way", WAYS)
def test_credential_was_sent(system, way):
    """Else it could not have been found."""
    asked = [each for each in system.journal if each.path.startswith(f"/{way}/")]
    sent = [EVERY[way] in _decoded(told(each)) for each in asked]

    assert len(sent) >= len(FAULTS) - 2
    assert all(sent)


def _decoded(request):
    """With what stands there in base64."""
    words = [word.strip('",]') for word in request.split()]
    basic = [base64.b64decode(after) for word, after in pairwise(words) if word == "Basic"]
    sent = json.loads(request)
    body = sent[3].replace('\\"', '"')
    return " ".join([sent[0], body, *sent[1].values(), *sent[2].values(), *(user.decode() for user in basic)])


def test_servers_ask_for_the_password(system):
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(system.both.postgres.url("canaries"))
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(system.both.redis.url).ping()
    assert system.ask("/rejects", key=KEY) == 200
    assert system.ask("/run-etl", key=None, method="POST") == 401


def test_none_in_tables(system):
    """But for the page whose upstream named the next one with the key in it, which is kept as it came."""
    hits = canaries.in_tables(system.db)

    assert [hit for hit in hits if not hit.startswith("link in raw_data.body:")] == []
    assert hits


def test_none_in_logs(system):
    """Of our processes at DEBUG, and of both servers."""
    servers = system.both.postgres.log.parent
    logs = [path for path in servers.glob("*.log") if path.stat().st_size]
    hits = [hit for path in logs for hit in canaries.found(path.name, path.read_bytes())]

    assert hits + canaries.in_files(system.folder / "logs", system.folder / "catalog") == []
    assert {"web", "worker0", "control", "beat"} <= {
        role for role in system.fleet.commands if system.fleet.log(role)
    }


def test_none_in_replies(system):
    """Of the API on every route, and of short-lived processes."""
    assert len(system.said) > 40
    assert [hit for who, said in system.said.items() for hit in canaries.found(who, said)] == []


def test_none_in_messages(system):
    """Everything that went through Redis: tasks and their arguments, events, locks, quotas."""
    heard = bytes(system.commands)

    assert b"task-succeeded" in heard or b"celeryev" in heard
    assert b"kasparro:lock:" in heard
    assert canaries.found("Redis", heard) == []


def test_none_in_titles(system):
    assert canaries.in_titles() == []
