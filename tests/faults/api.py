"""Ask the web application in a process of its own: `python -m tests.faults.api ASKED [--killed]`.

It publishes to the Redis of its environment: Celery keeps the broker that a process knew first. ASKED is a
JSON list of [method, path, body, headers]; replies are printed as JSON lines [status, headers, text]. With
`--killed` the process dies after the rows of a request are committed, before a worker is told or the client
answered.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

from ingest.settings import ROOT, settings

DIE = "--killed"


def main(asked: str, *options: str) -> None:
    """Ask in turn; print the replies."""
    from webapp import create_app, run_request

    if DIE in options:
        run_request.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    client = create_app().test_client()
    for method, path, body, headers in json.loads(asked):
        named = {"X-Api-Key": settings().api_key} | headers
        reply = client.open(path, method=method, json=body, headers=named)
        sys.stdout.write(json.dumps([reply.status_code, dict(reply.headers), reply.text]) + "\n")


def started(*asked: tuple[str, str, Any, dict[str, str]], options: tuple[str, ...] = ()) -> Any:
    """The process once it has ended; its environment is ours."""
    command = [sys.executable, "-m", "tests.faults.api", json.dumps(asked), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and document of one reply."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    ended = started((method, path, body, named))
    assert ended.returncode == 0, ended.stderr
    status, _, text = json.loads(ended.stdout)
    return status, json.loads(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
