"""What was asked and what was answered, so that a client's manners are measured on the server's side."""

import time
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from flask import Request

Entry = dict[str, Any]


class RequestLog:
    """Every call in order of arrival. Nothing is dropped, whatever number of threads write."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: list[Entry] = []

    def arrived(self, asked: Request, key: str) -> Entry:
        """Note a call at once; its status stays None until it is answered."""
        entry = {
            "monotonic": time.monotonic(),
            "at": datetime.now(UTC).isoformat(),
            "method": asked.method,
            "path": asked.path,
            "query": {name: "…" if "key" in name else value for name, value in asked.args.items()},
            "headers": sorted(name for name, _ in asked.headers),
            "key": key,
            "status": None,
            "faults": [],
        }
        with self._lock:
            self._entries.append(entry)
        return entry

    def answered(self, entry: Entry, status: int, faults: list[str]) -> None:
        """Complete the note of a call."""
        with self._lock:
            entry.update(status=status, faults=faults)

    def entries(self) -> list[Entry]:
        """A copy of all notes, oldest first."""
        with self._lock:
            return [dict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Forget all notes."""
        with self._lock:
            self._entries.clear()
