"""Virtual environments of the peers, each made when it is first asked for and when its pins change."""

import shutil
import subprocess
import sys
from collections.abc import Sequence

import click
from rich.console import Console

from bench.peers import HERE, VENVS, Peer
from bench.peers.known import PEERS

progress = Console(stderr=True)


def ready(asked: str) -> tuple[list[Peer], dict[str, str]]:
    """The peers that were asked for and can be had, and why the others cannot."""
    present, absent = [], {}
    for peer in _named(asked):
        if reason := why_not(peer.needs):
            absent[peer.name] = reason
        else:
            present.append(peer)
    return present, absent


def pinned(needs: str) -> str:
    """The version of a peer: the first of its pins."""
    first = next(line for line in (HERE / f"{needs}.txt").read_text().splitlines() if "==" in line)
    return first.partition("==")[2]


def why_not(needs: str) -> str:
    """Make the environment unless it stands with these pins; the reason when it cannot be made."""
    venv, pins = VENVS / needs, HERE / f"{needs}.txt"
    made = venv / "requirements.txt"
    if made.exists() and made.read_text() == pins.read_text():
        return ""
    progress.print(f"installing {needs} into {venv} ...", style="dim")
    shutil.rmtree(venv, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(venv)],
        [str(venv / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", "-r", str(pins)],
    ):
        if reason := _failure(command):
            return reason
    made.write_text(pins.read_text())
    return ""


def _named(asked: str) -> list[Peer]:
    """The peers by their own names, or by what they need: dlt is both of its peers."""
    names = {name.strip() for name in asked.split(",")} - {"none"}
    known = {name: None for peer in PEERS for name in (peer.needs, peer.slug)}
    if unknown := names - known.keys() - {"all"}:
        told = f"no peer {', '.join(sorted(unknown))}; there are {', '.join(known)}"
        raise click.BadParameter(told, param_hint="--peers")
    return [peer for peer in PEERS if names & {"all", peer.needs, peer.slug}]


def _failure(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (done.stdout.strip().splitlines() or ["failed"])[-1] if done.returncode else ""
