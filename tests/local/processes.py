"""Watching processes from outside: waiting for a condition, finding what still runs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Return as soon as the condition holds; fail when it does not within the time."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"not within {seconds} s"
        time.sleep(0.02)


def inside(folder: Path) -> list[int]:
    """Every process that works in the folder or below, whoever its parent is."""
    found = []
    for entry in Path("/proc").iterdir():
        # Processes end while we look, and a finished one that nobody has collected has no folder any more.
        with suppress(OSError):
            if entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found.append(int(entry.name))
    return found


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path) -> None:
        """Everything it starts works in the folder."""
        self.folder = folder
        self.output = folder / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self, *programs: tuple[str, dict[str, Any]], servers: bool = False, patience: float = 5
    ) -> None:
        """Start it with these programs: Python code, and the fields of `Program`."""
        plan = json.dumps({"programs": programs, "servers": servers, "patience": patience})
        script = [sys.executable, "-m", "tests.local.supervised", str(self.folder), plan]
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(script, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)

    def send(self, number: signal.Signals) -> None:
        """Signal the supervisor alone."""
        assert self.process
        self.process.send_signal(number)

    def kill_server(self, word: str) -> None:
        """Kill the server whose command line contains the word."""
        for pid in inside(self.folder):
            if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, which has to come soon."""
        assert self.process
        return self.process.wait(20)

    def says(self, text: str) -> bool:
        """Whether it has written this."""
        return text in self.output.read_text()

    def wrote(self, name: str) -> bool:
        """Whether a program has made that file."""
        return (self.folder / name).exists()
