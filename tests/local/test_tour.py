"""The tour tells what every run did, also when some fail, are open already, or cannot be asked for."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local import state, tour

COUNTS = {"fetched": 1200, "inserted": 1190, "updated": 0, "unchanged": 4, "rejected": 5, "superseded": 1}
TIMES = {"started_at": "2026-01-01T00:00:00+00:00", "finished_at": "2026-01-01T00:00:02.500000Z"}
WELL = {"id": 1, "source": "alpha", "state": "succeeded", "counts": COUNTS, "error": None, **TIMES}
ILL = {
    "id": 2,
    "source": "beta",
    "state": "failed",
    "counts": {},
    "error": {"kind": "SourceBroken", "message": "it [is] odd"},
    **TIMES,
}


class Web:
    """Stands in for the web application: each address answers its scripted replies, the last one for ever."""

    def __init__(self) -> None:
        """Nothing is scripted yet."""
        self.script: dict[str, list[tuple[int, Any]]] = {}
        self.keys: list[str | None] = []

    def reply(self, path: str) -> tuple[int, bytes]:
        """The next reply of an address."""
        replies = self.script[path]
        status, body = replies.pop(0) if len(replies) > 1 else replies[0]
        return status, json.dumps(body).encode()


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = web.reply(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            web.keys.append(self.headers["x-api-key"])
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Not on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("PORT", str(server.server_port))
        monkeypatch.setenv("FLOWER_PORT", "5555")
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
        monkeypatch.setenv("API_KEY", state.made_secrets(tmp_path)["api_key"])
        yield web
        server.shutdown()


def asked(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"runs": [{"run_id": run["id"], "source": run["source"], "state": "queued"} for run in runs]}


def test_shows_every_run(web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    web.script = {
        "/run-etl": [(202, asked(ILL, WELL))],
        "/runs/1": [(200, {**WELL, "state": "running", "finished_at": None}), (200, WELL)],
        "/runs/2": [(200, ILL)],
    }

    tour.main()

    told = capsys.readouterr().out
    alpha, beta = (
        next(line.split() for line in told.splitlines() if name in line) for name in ("alpha", "beta")
    )
    assert alpha == ["alpha", "succeeded", "1,200", "1,190", "0", "4", "5", "1", "2.5"]
    assert beta[:2] == ["beta", "failed"]
    assert "beta: SourceBroken: it [is] odd" in told
    assert told.index("alpha") < told.index("beta")
    assert web.keys == [state.made_secrets(tmp_path)["api_key"]]


def test_says_where_to_look(web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    web.script = {"/run-etl": [(409, asked(WELL))], "/runs/1": [(200, WELL)]}

    tour.main()

    told, made = capsys.readouterr().out, state.made_secrets(tmp_path)
    for word in ("/data", "/health", "/stats", "/docs", "/metrics", ":5555", "Ctrl-C stops everything"):
        assert word in told
    assert told.count(made["api_key"]) == 2
    assert made["flower_password"] in told


def test_keeps_a_given_key_to_itself(
    web: Web, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    web.script = {"/run-etl": [(202, asked(WELL))], "/runs/1": [(200, WELL)]}
    monkeypatch.setenv("API_KEY", "given-by-the-user")

    tour.main()

    told = capsys.readouterr().out
    assert "given-by-the-user" not in told
    assert "x-api-key: $API_KEY" in told


def test_refusal_is_told_and_tour_goes_on(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    web.script = {"/run-etl": [(503, {"title": "Postgres is away"})]}

    tour.main()

    told = capsys.readouterr().out
    assert "POST /run-etl answered 503" in told
    assert "Postgres is away" in told
    assert "Ctrl-C stops everything" in told


def test_waiting_is_bounded(
    web: Web, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour, "WAIT_SECONDS", 0)
    web.script = {"/run-etl": [(202, asked(WELL))], "/runs/1": [(200, {**WELL, "state": "running"})]}

    tour.main()

    assert "running" in capsys.readouterr().out
