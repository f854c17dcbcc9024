"""Durations and sizes as catalogue files write them: a number and a unit."""

import re
from typing import Any, ClassVar

from marshmallow import ValidationError

from ingest.catalog.values import Shape, Text
from ingest.references import shown

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
UNIT_BYTES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3}


class Duration(Text):
    """A time span like 90s, 5m, 1h or 90d, as seconds."""

    shape: ClassVar[Shape] = {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,3})?[smhd]$"}

    def __init__(self, description: str, *, least: float = 0.0, **kwargs: Any) -> None:
        self.least = least
        super().__init__(description, **kwargs)

    def check(self, text: str) -> Any:
        """Return the seconds."""
        if not re.fullmatch(self.shape["pattern"], text, re.ASCII):
            raise ValidationError(f"{shown(text)} is not a duration; write 30s, 5m, 1h or 90d")
        seconds = float(text[:-1]) * UNIT_SECONDS[text[-1]]
        if seconds < self.least:
            raise ValidationError(f"{shown(text)} is too short; at least {self.least:g}s")
        return seconds


class Size(Text):
    """A size like 500kB, 16MB or 1GB, as bytes; 1 kB is 1024 bytes."""

    shape: ClassVar[Shape] = {"type": "string", "pattern": "^[0-9]{1,6}(B|kB|MB|GB)$"}

    def __init__(self, description: str, *, least: int, most: int, **kwargs: Any) -> None:
        self.least, self.most = least, most
        super().__init__(description, **kwargs)

    def check(self, text: str) -> Any:
        """Return the bytes."""
        found = re.fullmatch("([0-9]{1,6})(B|kB|MB|GB)", text, re.ASCII)
        if not found:
            raise ValidationError(f"{shown(text)} is not a size; write 500kB, 16MB or 1GB")
        size = int(found[1]) * UNIT_BYTES[found[2]]
        if not self.least <= size <= self.most:
            raise ValidationError(f"{shown(text)} is not from {self.least} to {self.most} bytes")
        return size
