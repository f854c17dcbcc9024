"""Messages that nobody of ours has sent, for the queue of a worker."""

import base64
import json
import os
import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WRONG_ARGUMENTS: list[list[Any]] = [
    [],
    ["one"],
    [None],
    [True],
    [[1, 2]],
    [{"run_id": 1}],
    [1, 2, 3],
    [-1],
    [2**200],
    [1.5],
    ["1; DROP TABLE runs"],
]
GARBAGE = [
    b"",
    b"\x00\xff\xfe",
    b"not JSON",
    b"{",
    b"null",
    b"7",
    b'"text"',
    b"[]",
    b"{}",
    b'{"body": 1}',
    b'{"body": "", "properties": null, "headers": null}',
    b"[" * 100_000,
    b'{"a": ' * 2000,
    b"\xed\xa0\x80",
    b"x" * 1_000_000,
]
SERIALIZERS = [
    "application/x-python-serialize",
    "application/x-yaml",
    "application/x-msgpack",
    "text/odd",
    "",
]


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def _message(task: str, arguments: Any, *, body: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """A message as Celery writes it (its protocol 2), with changes; None leaves a part out."""
    id = str(uuid.uuid4())
    plain = json.dumps([arguments, {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    parts: dict[str, Any] = {
        "body": base64.b64encode(plain.encode() if body is None else body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": id, "root_id": id, "argsrepr": "", "kwargsrepr": "{}"},
        "properties": {
            "correlation_id": id,
            "reply_to": str(uuid.uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "etl.run"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in (parts | changed).items() if value is not None}


def _composed(marker: Path) -> Iterator[dict[str, Any]]:
    for arguments in WRONG_ARGUMENTS:
        yield _message("run", arguments)
    for name in ("os.system", "nobody.knows", "", "celery.chord_unlock", "celery.map", "run\n", None, 7):
        yield _message(name, [f"touch {marker}"])  # type: ignore[arg-type]
    for kind in SERIALIZERS:
        yield _message("run", [1], body=pickle.dumps([[_Touch(marker)], {}, {}]), content_type=kind)
    yaml = f"!!python/object/apply:os.system ['touch {marker}']".encode()
    yield _message("run", [1], body=yaml, content_type="application/x-yaml")
    yield _message("run", [1], body=yaml, content_type="application/json")
    yield _message("run", [1], content_encoding="no-such-code")
    yield _message("run", [1], content_encoding="binary")
    for part in ("headers", "properties", "body", "content_type", "content_encoding"):
        yield _message("run", [1], **{part: None})
    for part in ("headers", "properties"):
        yield _message("run", [1], **{part: {}})
        yield _message("run", [1], **{part: []})
    for name, value in {"eta": "no time", "expires": "never", "retries": "x", "timelimit": 7}.items():
        message = _message("run", [1])
        message["headers"][name] = value
        yield message
    for name, value in {"body_encoding": "rot13", "delivery_tag": None, "priority": "high"}.items():
        message = _message("run", [1])
        message["properties"][name] = value
        yield message
    compressed = _message("run", [1])
    compressed["headers"]["compression"] = "application/x-gzip"
    yield compressed


def messages(marker: Path, *, most: int) -> list[bytes]:
    """So many of them; should one be executed, the file `marker` is there afterwards."""
    kinds = [*GARBAGE, *(json.dumps(message).encode() for message in _composed(marker))]
    return [kinds[number % len(kinds)] for number in range(most)]
