"""What only a terminal shows: progress, hints, tables that fit."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import closing

import pytest

from ingest.settings import ROOT
from tests.cli.shop import call


def on_terminal(*words, columns=120, stdout=None):
    """Call `kasparro` with a terminal as stderr, and as stdout unless that is given; return what it shows."""
    ours, theirs = pty.openpty()
    environ = os.environ | {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "cli", *words]
    with open(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=stdout or theirs, stderr=theirs)
        os.close(theirs)
        return shown(screen), process.wait(), process


def shown(screen):
    """All that was written; Linux ends a terminal that nobody writes to with an error."""
    parts = []
    try:
        while part := screen.read(65536):
            parts.append(part)
    except OSError:
        pass
    return b"".join(parts).decode()


def plain(screen):
    """The text without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)


def test_progress_stays_off_stdout(open_shop):
    screen, code, process = on_terminal("run", "shop", "--local", "--json", stdout=subprocess.PIPE)

    with closing(process.stdout):
        assert json.loads(process.stdout.read())["state"] == "succeeded"
    assert code == 0
    assert "next: kasparro rejects --run 1" in plain(screen)


@pytest.mark.parametrize(("columns", "heading"), [(160, "id  source"), (50, "id        1")])
def test_narrow_terminals_get_blocks(open_shop, columns, heading):
    call("run", "shop", "--local")

    screen, code, _ = on_terminal("rejects", columns=columns)

    assert code == 0
    assert heading in plain(screen)


def test_no_colour_is_respected(open_shop):
    screen, _, _ = on_terminal("status")

    assert "\x1b[3" not in screen
    assert "never" in screen
