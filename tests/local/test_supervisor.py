"""The supervisor starts in order, stops in order, and leaves no process behind, however it ends."""

import signal
from typing import Any

import pytest

from local.servers import free_port
from tests.local.processes import Supervised, inside, until

STAY = "open('{name}.up', 'w'); import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAY
FORKING = "import subprocess; subprocess.Popen(['sleep', '600']); " + STAY
TELLING = """
import signal, sys, time
def told(*_):
    open('order', 'a').write('{name} ')
    sys.exit()
signal.signal(signal.SIGTERM, told)
open('{name}.up', 'w')
time.sleep(600)
"""
LATE_SERVER = """
import http.server, pathlib, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = pathlib.Path('asked').exists()
        pathlib.Path('asked').touch()
        self.send_response(200 if asked else 503)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', {port}), Handler).serve_forever()
"""


def program(name: str, code: str = STAY, **fields: Any) -> tuple[str, dict[str, Any]]:
    return code.replace("{name}", name), {"name": name, **fields}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_everything(supervised: Supervised, number: signal.Signals) -> None:
    supervised.start(program("one"), program("two", FORKING))
    until(lambda: supervised.wrote("one.up") and supervised.wrote("two.up"))

    supervised.send(number)

    assert supervised.wait() == 0
    until(lambda: inside(supervised.folder) == [])


def test_kill_leaves_no_process(supervised: Supervised) -> None:
    supervised.start(program("one"), servers=True)
    until(lambda: supervised.wrote("one.up"))

    supervised.send(signal.SIGKILL)
    supervised.wait()

    until(lambda: inside(supervised.folder) == [])


def test_starts_again_after_kill(supervised: Supervised) -> None:
    supervised.start(program("one"), servers=True)
    until(lambda: supervised.wrote("one.up"))
    supervised.send(signal.SIGKILL)
    supervised.wait()

    supervised.start(program("two"), servers=True)

    until(lambda: supervised.wrote("two.up"))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print('the reason'); raise SystemExit(3)", "broken ended with code 3"),
        (
            "import os; print('the reason', flush=True); os.kill(os.getpid(), 9)",
            "broken was killed by SIGKILL",
        ),
    ],
)
def test_death_ends_everything(supervised: Supervised, code: str, told: str) -> None:
    supervised.start(program("one"), program("broken", code))

    assert supervised.wait() == 1
    assert supervised.says(told)
    assert supervised.says("  the reason")
    until(lambda: inside(supervised.folder) == [])


def test_dead_server_ends_everything(supervised: Supervised) -> None:
    supervised.start(program("one"), servers=True)
    until(lambda: supervised.wrote("one.up"))

    supervised.kill_server("-server")

    assert supervised.wait() == 1
    assert supervised.says("redis was killed by SIGKILL")
    until(lambda: inside(supervised.folder) == [])


def test_stubborn_child_is_killed(supervised: Supervised) -> None:
    supervised.start(program("mule", STUBBORN), patience=0.2)
    until(lambda: supervised.wrote("mule.up"))

    supervised.send(signal.SIGINT)

    assert supervised.wait() == 0
    assert supervised.says("mule did not stop in time: killed")
    assert inside(supervised.folder) == []


def test_second_signal_does_not_wait(supervised: Supervised) -> None:
    supervised.start(program("mule", STUBBORN), patience=600)
    until(lambda: supervised.wrote("mule.up"))

    supervised.send(signal.SIGINT)
    until(lambda: supervised.says("stopping"))
    supervised.send(signal.SIGINT)

    assert supervised.wait() == 0


def test_support_stops_last(supervised: Supervised) -> None:
    supervised.start(program("ground", TELLING, support=True), program("house", TELLING))
    until(lambda: supervised.wrote("ground.up") and supervised.wrote("house.up"))

    supervised.send(signal.SIGTERM)

    assert supervised.wait() == 0
    assert (supervised.folder / "order").read_text() == "house ground "


def test_next_waits_until_ready(supervised: Supervised) -> None:
    port = free_port()
    code = LATE_SERVER.replace("{port}", str(port))

    supervised.start(
        program("web", code, ready=f"http://127.0.0.1:{port}/"),
        program("next", "import pathlib; pathlib.Path('asked').rename('seen'); " + STAY),
    )

    until(lambda: supervised.wrote("next.up"))
    assert supervised.wrote("seen")
    assert supervised.says("web  ready in")


def test_next_waits_for_once(supervised: Supervised) -> None:
    supervised.start(
        program("migrate", "import time; time.sleep(0.2); open('tables', 'w')", once=True),
        program("next", "import os; os.rename('tables', 'used'); " + STAY),
    )

    until(lambda: supervised.wrote("next.up"))
    assert supervised.wrote("used")


def test_failed_once_ends_everything(supervised: Supervised) -> None:
    supervised.start(program("migrate", "raise SystemExit('no tables')", once=True), program("never"))

    assert supervised.wait() == 1
    assert supervised.says("migrate ended with code 1")
    assert supervised.says("no tables")
    assert not supervised.wrote("never.up")


def test_only_problems_reach_terminal(supervised: Supervised) -> None:
    code = "print('INFO fine'); print('ERROR in a \\033[2Jpage', flush=True); " + STAY

    supervised.start(program("worker", code))

    until(lambda: supervised.says("worker  ERROR in a  [2Jpage"))
    assert not supervised.says("fine")
    assert "INFO fine" in (supervised.folder / "logs" / "worker.log").read_text()
