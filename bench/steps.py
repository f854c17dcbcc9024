"""The shapes of a measurement: a step is one process, a chain the steps of one contender in their order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.content import OURS


@dataclass(frozen=True)
class Step:
    """One process to be measured, and what it must leave behind.

    `file` is put into FILES_ROOT before it starts: which of the inputs, and under which name. `oracle` names
    the clean file whose content must stand in `table`; `counts` are what our run must have counted.
    """

    case: str
    contender: str
    argv: tuple[str, ...]
    database: str = "postgres"
    table: str = ""
    names: Mapping[str, str] = field(default_factory=lambda: OURS)
    oracle: str = ""
    file: tuple[str, str] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """Steps that follow one another, and the fresh databases that they need.

    Each database has the catalogue of its source, and none where the contender brings its own tables.
    """

    databases: Mapping[str, dict[str, Any] | None]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Sample:
    """What one step took: seconds inside the process and of the whole process, bytes, rows.

    `cpu` and `server_cpu` are seconds of processors, for the process with its start and for PostgreSQL.

    `error` says why there is no figure, or what is wrong with what it left behind; then the figure counts
    for nothing.
    """

    case: str
    contender: str
    error: str = ""
    seconds: float | None = None
    process_seconds: float | None = None
    cpu: float | None = None
    server_cpu: float | None = None
    wal: int | None = None
    peak: int | None = None
    dead: int | None = None
    rewritten: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
