"""The commands that containers run beside the product, run as they run them."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ingest.heartbeat import FORGOTTEN_AFTER, beat, connect
from tests.deploy.test_deploy import ROOT


class Upstream(HTTPServer):
    """Answers every request with one status and remembers what it was asked."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str, str | None]] = []

    @property
    def hostport(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("x-api-key")))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def call(module: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"deploy.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(("status", "code"), [(202, 0), (409, 0), (401, 1), (503, 1)])
def test_cron_posts_once(upstream, status, code):
    upstream.status = status

    ended = call("run_etl", WEB_HOSTPORT=upstream.hostport, API_KEY="key-of-the-test")

    assert (ended.returncode, ended.stdout) == (code, f"{status} {{}}\n")
    assert upstream.asked == [("POST", "/run-etl", "key-of-the-test")]


def test_cron_says_what_is_missing():
    ended = call("run_etl", WEB_HOSTPORT="127.0.0.1:1", API_KEY="key")

    assert ended.returncode == 1
    assert "No answer from 127.0.0.1:1" in ended.stderr


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
@pytest.mark.parametrize(
    ("role", "variable", "path"),
    [("web", "PORT", "/health/live"), ("flower", "FLOWER_PORT", "/healthcheck")],
)
def test_roles_with_a_port_are_asked(upstream, status, code, role, variable, path):
    upstream.status = status

    ended = call("healthy", role, **{variable: str(upstream.server_port)})

    assert ended.returncode == code
    assert upstream.asked == [("GET", path, None)]


@pytest.mark.parametrize("role", ["worker", "control", "beat"])
def test_roles_without_a_port_are_seen(database, redis_url, role):
    unseen = call("healthy", role)
    with connect(redis_url) as client:
        beat(client, role)

    assert (unseen.returncode, unseen.stderr) == (1, f"{role} was never seen\n")
    assert call("healthy", role).returncode == 0


def test_silent_role_is_ill(database, redis_url):
    with connect(redis_url) as client:
        beat(client, "worker")
        client.expire("kasparro:alive:worker", FORGOTTEN_AFTER - 61)

    ended = call("healthy", "worker")

    assert ended.returncode == 1
    assert "worker is silent for" in ended.stderr


def test_redis_away_is_told_without_its_password():
    ended = call(
        "healthy", "worker", DATABASE_URL="postgresql://u@h/d", REDIS_URL="redis://:secret@127.0.0.1:1/0"
    )

    assert (ended.returncode, ended.stderr) == (1, "Redis: ConnectionError\n")
