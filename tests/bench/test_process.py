"""A measured process: what it tells, what it takes with its children, and how its failure is told."""

import os
import sys

import pytest

from bench.peers import venvs
from bench.process import Failed, run

MB = 1024**2
# The child holds fifty megabytes until its parent has been looked at for a while.
PARENT = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "import time; held = bytearray(50 * 2**20); time.sleep(0.5)"])
print('{"seconds": 0.5}')
"""


def test_children_count(tmp_path):
    ended = run([sys.executable, "-c", PARENT], dict(os.environ), log=tmp_path / "log", cwd=tmp_path)

    assert ended.told == {"seconds": 0.5}
    assert ended.seconds > 0.5
    assert 50 * MB < ended.peak < 150 * MB


def test_processors_count(tmp_path):
    """Also those that a child worked for."""
    work = "import time\nwhile time.process_time() < 0.2: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"

    ended = run([sys.executable, "-c", parent], dict(os.environ), log=tmp_path / "log", cwd=tmp_path)

    assert ended.cpu > 0.2


def test_failure_tells_the_last_words(tmp_path):
    with pytest.raises(Failed, match=r"code 3 \| no room"):
        run(
            [sys.executable, "-c", "print('no room'); raise SystemExit(3)"],
            dict(os.environ),
            log=tmp_path / "log",
            cwd=tmp_path,
        )


def test_absent_peer_has_its_reason(tmp_path, monkeypatch):
    (tmp_path / "sling.txt").write_text(f"sling @ file://{tmp_path}/not-there.whl\n")
    monkeypatch.setattr(venvs, "HERE", tmp_path)
    monkeypatch.setattr(venvs, "VENVS", tmp_path / "venvs")

    present, absent = venvs.ready("sling")

    assert present == []
    assert "not-there.whl" in absent["sling"]
