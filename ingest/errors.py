"""Errors, named by what to do next.

    IngestError
    ├── TryLater        waiting may help: the run goes back to the queue until `seconds` have passed
    ├── SourceBroken    a person must look: the run fails with `kind` and the message
    ├── LeaseLost       another worker owns the run now: stop, write nothing
    │   └── PartLost    another worker owns the part now: leave it, take the next
    ├── Stopped         this worker was asked to stop: the run goes back to the queue
    ├── Cancelled       somebody cancelled the run
    └── ConfigInvalid   settings or catalogue: start refuses, `problems` lists all of them

A bad record is a value (`ingest.page.Reject`), not an exception. Foreign errors are translated once,
at the edge that knows them, with the cause kept. No message holds a secret.
"""

from collections.abc import Sequence


class IngestError(Exception):
    """Whatever goes wrong while ingesting."""


class TryLater(IngestError):
    """Waiting may help, but for longer than a worker should wait: the run goes back to the queue."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class SourceBroken(IngestError):
    """The source cannot go on by itself. `kind` is a short word: auth, network, reply, pagination, file, …"""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class LeaseLost(IngestError):
    """The run's lease ended or its fence moved on."""


class PartLost(LeaseLost):
    """The part's lease ended or another puller has taken it."""


class Stopped(IngestError):
    """The worker is stopping."""


class Cancelled(IngestError):
    """The run was cancelled."""


class ConfigInvalid(IngestError):
    """Settings or catalogue files are wrong; `problems` holds one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)
