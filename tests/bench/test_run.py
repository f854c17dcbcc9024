"""A tiny run of the whole benchmark, and what makes one fail."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from bench.__main__ import failures
from bench.chains import CASES
from bench.peers import HERE
from bench.peers.known import PEERS
from bench.results import ratio
from bench.steps import Sample
from bench.targets import TARGETS, Target
from ingest.settings import ROOT


def run(out, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", "--rows", "2000", "--rounds", "1", "--out", str(out), *more]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_tiny_run_passes(tmp_path):
    done = run(tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    drawn = ElementTree.parse(tmp_path / "chart.svg").getroot()

    assert done.returncode == 0, done.stdout
    assert results["failures"] == []
    assert results["cases"].keys() == CASES.keys()
    assert results["cases"]["first"]["contenders"]["ours"]["of_floor"] > 0
    first = results["cases"]["first"]["contenders"].values()
    assert all(found["cpu_s"] > 0 for found in first)
    # The system counts PostgreSQL's in hundredths of a second, and a tiny load may take less.
    assert sum(found["server_cpu_s"] for found in first) > 0
    assert len(results["targets"]) == len(TARGETS)
    assert drawn.tag.endswith("svg")


def test_growth_is_measured(tmp_path):
    done = run(tmp_path, "--cases", "growth")
    results = json.loads((tmp_path / "results.json").read_text())

    assert done.returncode == 0, done.stdout
    assert {"load1", "load10", "delta1", "delta10"} == results["cases"].keys()


def test_unknown_case_is_told(tmp_path):
    done = run(tmp_path, "--cases", "first,fisrt")

    assert done.returncode == 2
    assert "no case fisrt" in done.stdout


def test_unknown_peer_is_told(tmp_path):
    done = run(tmp_path, "--peers", "slong")

    assert done.returncode == 2
    assert "no peer slong" in done.stdout


@pytest.mark.parametrize(
    ("contender", "error", "fails"),
    [
        ("ours", "ended with code 1", True),
        ("F2", "ended with code 1", True),
        ("sling", "ended with code 1", False),
        ("sling", "wrong content: 1 rows stand", True),
        ("ours", "", False),
    ],
)
def test_wrong_tables_and_our_failures_count(contender, error, fails):
    assert bool(failures([[Sample("first", contender, error)]])) == fails


def test_ratios_stay_within_a_round():
    """The second round was three times as slow for both."""
    rounds = [
        [Sample("first", "ours", seconds=2.0), Sample("first", "F2", seconds=1.0)],
        [Sample("first", "ours", seconds=6.0), Sample("first", "F2", seconds=3.0)],
        [Sample("first", "ours", "failed"), Sample("first", "F2", seconds=3.0)],
    ]

    assert ratio(rounds, ("first", "ours"), ("first", "F2"), of="seconds") == 2.0


@pytest.mark.parametrize(
    ("bound", "least", "met"), [(2, False, True), (1.9, False, False), (2.1, True, False)]
)
def test_targets_are_judged(bound, least, met):
    assert Target("a", lambda rounds: 2.0, bound, least).judge([]).met is met
    assert Target("a", lambda rounds: None, bound, least).judge([]).met is None


def test_peers_are_pinned():
    for peer in PEERS:
        lines = (HERE / f"{peer.needs}.txt").read_text().splitlines()
        assert [line for line in lines if line and not line.startswith("#") and "==" not in line] == []
