"""What a child adds to its log, filtered for the terminal."""

import re
from pathlib import Path

PROBLEM = re.compile(
    r"\b(WARNING|ERROR|CRITICAL|FATAL)\b|^Traceback|\[(warning|error|critical) *\]"
    r"|\blevel[\"']?[=:] ?[\"']?(warning|error|critical)\b"
)


class Follower:
    """Reads what a child adds to its log."""

    def __init__(self, name: str, log: Path) -> None:
        """Start at the beginning of the file."""
        self.name = name
        self.file = log.open("rb")
        self.rest = b""

    def problems(self) -> list[str]:
        """The whole lines since the last call that speak of a problem, safe for a terminal."""
        *lines, self.rest = (self.rest + self.file.read()).split(b"\n")
        texts = (line.decode(errors="replace") for line in lines)
        return [
            "".join(c if c.isprintable() else " " for c in text) for text in texts if PROBLEM.search(text)
        ]
