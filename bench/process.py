"""One measured process: its time on the wall, and what it and its children took of processors and memory."""

import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOOK_EVERY = 0.05
LONGEST = 1_800.0


class Failed(Exception):
    """A measured process did not do its work; the message ends with what it said last."""


@dataclass(frozen=True)
class Ended:
    """What a process took, with its children, and the JSON object of its last line, if there was one."""

    seconds: float
    cpu: float
    peak: int
    told: dict[str, Any] = field(default_factory=dict)


def run(argv: Sequence[str], env: Mapping[str, str], *, log: Path, cwd: Path) -> Ended:
    """Run it to its end. Raises Failed."""
    with log.open("w+b") as output:
        began, worked, peak = time.perf_counter(), _children(), 0
        child = subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while not _ended(child):
                peak = max(peak, _memory(child.pid))
                if time.perf_counter() - began > LONGEST:
                    raise Failed(f"did not end within {LONGEST:.0f} s")
            seconds = time.perf_counter() - began
        finally:
            child.kill()
            child.wait()
    said = log.read_text(errors="replace").splitlines()
    if child.returncode:
        raise Failed(" | ".join([f"ended with code {child.returncode}", *said[-5:]]))
    return Ended(seconds, _children() - worked, peak, _told(said))


def _children() -> float:
    """The seconds of processors of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ended(child: "subprocess.Popen[bytes]") -> bool:
    with suppress(subprocess.TimeoutExpired):
        child.wait(LOOK_EVERY)
        return True
    return False


def _told(said: list[str]) -> dict[str, Any]:
    with suppress(ValueError, IndexError):
        told = json.loads(said[-1])
        return told if isinstance(told, dict) else {}
    return {}


def _memory(pid: int) -> int:
    """The bytes of the whole tree: for each process the kernel's own high-water mark, added up."""
    total = 0
    for each in _tree(pid):
        with suppress(OSError, LookupError):
            # A process that has just ended has no memory left to tell of.
            status = Path(f"/proc/{each}/status").read_text()
            total += int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024
    return total


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                yield from _tree(int(child))
