"""The peers: other ways to bring the same clean file into PostgreSQL, each with its best settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.chains import needed
from bench.inputs import Inputs
from bench.site import Site
from bench.steps import Chain, Step

HERE = Path(__file__).parent
VENVS = HERE.parent / ".peers"
QUIET = {"DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Load:
    """One load that a peer is to do; `work` is a folder that its later loads find again."""

    url: str
    csv: Path
    jsonl: Path
    work: Path
    bin: Path


@dataclass(frozen=True)
class Peer:
    """How a peer is called. `needs` names its requirements and its virtual environment.

    `table` is where its rows stand; its columns have the file's names. `env` turns telemetry off.
    """

    name: str
    needs: str
    table: str
    command: Callable[[Load], tuple[str, ...]]
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """The name as one word."""
        return self.name.lower().replace(" ", "-")


def peer_chain(peer: Peer, at: Site, inputs: Inputs, cases: set[str], number: int) -> Chain | None:
    """First load, the same again, the changed twin: into a fresh database."""
    database = f"{peer.slug}{number}"
    steps = tuple(
        _step(peer, at, inputs, database, case, clean)
        for case, clean in (("first", "clean"), ("again", "clean"), ("changed", "clean_changed"))
    )
    return needed(Chain({database: None}, steps), cases)


def _step(peer: Peer, at: Site, inputs: Inputs, database: str, case: str, clean: str) -> Step:
    load = Load(
        url=at.postgres.url(database),
        csv=inputs.file(f"{clean}.csv"),
        jsonl=inputs.file(f"{clean}.jsonl"),
        work=at.folder / database,
        bin=VENVS / peer.needs / "bin",
    )
    argv, env = peer.command(load), {**QUIET, **peer.env}
    return Step(case, peer.name, argv, database, peer.table, {}, oracle=f"{clean}.csv", env=env)
