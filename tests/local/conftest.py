"""A supervised folder for each test that wants one."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.local.processes import Supervised, inside


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    """A supervisor that is killed with all it started, however the test ends."""
    if not Path("/proc/self/cwd").exists():
        pytest.skip("finding left-over processes needs /proc")
    supervised = Supervised(tmp_path)
    yield supervised
    if supervised.process:
        supervised.process.kill()
        supervised.process.wait()
    for pid in inside(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
