"""A small part of each proof, to know that the proofs work; `make help` names the whole ones."""

import subprocess
import sys

import pytest

from ingest.settings import ROOT

SMALL = {
    "crash": ["crash", "--cases", "16"],
    "crash together": ["crash", "--cases", "16", "--shape", "together"],
    "crash ahead": ["crash", "--cases", "16", "--shape", "ahead"],
    "crash in parts": ["crash", "--cases", "16", "--shape", "parts"],
    "chaos": ["chaos", "--iterations", "3", "--seed", "5"],
    "broker": ["broker", "--runs", "60", "--kills", "2", "--flushes", "1", "--sources", "12"],
    "zombies": ["zombies", "--rounds", "5"],
    "recovery": ["recovery", "--rounds", "1"],
}


@pytest.mark.parametrize("proof", SMALL)
def test_small_part_of(proof):
    """Each in a process of its own, as make starts it: Celery keeps the broker that it knew first."""
    name, *arguments = SMALL[proof]
    command = [sys.executable, "-m", f"tests.proofs.{name}", *arguments]

    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].endswith(" passed, 0 failed")
