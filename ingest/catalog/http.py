"""What catalogue files say about HTTP: URLs, quotas, headers."""

import re
from typing import Any, ClassVar
from urllib.parse import SplitResult, urlsplit

from marshmallow import ValidationError

from ingest.catalog.values import Scalar, Shape, Text
from ingest.references import Substituted, shown


class Url(Text):
    """An http or https URL without credentials."""

    shape: ClassVar[Shape] = {"type": "string", "pattern": "^https?://"}

    def check(self, text: str) -> Any:
        """Return the URL if it has a host."""
        parts = _parts(text)
        if (
            parts is None
            or parts.scheme not in ("http", "https")
            or not parts.hostname
            or re.search(r"\s", text)
        ):
            raise ValidationError(f"{shown(text)} is not an http or https URL")
        if "@" in parts.netloc:
            raise ValidationError("must not hold credentials; use auth: {type: basic, …}")
        if isinstance(text, Substituted) and "${" in text.written.partition("?")[2]:
            raise ValidationError("has a reference in its query; write it under auth or params")
        return text


def _parts(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(str(text))
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def origin(url: str) -> str:
    """scheme://host[:port] of a checked URL."""
    parts = urlsplit(str(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


class Rate(Text):
    """A quota like 30/minute."""

    shape: ClassVar[Shape] = {"type": "string", "pattern": "^[1-9][0-9]{0,6}/(second|minute|hour|day)$"}

    def check(self, text: str) -> Any:
        """Return the quota if it is one."""
        if not re.fullmatch(self.shape["pattern"].strip("^$"), text, re.ASCII):
            raise ValidationError(
                f"{shown(text)} is not a quota; write 30/minute (second, minute, hour, day)"
            )
        return text


class HeaderName(Text):
    """The name of an HTTP header."""

    shape: ClassVar[Shape] = {"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"}

    def check(self, text: str) -> Any:
        """Return the name if HTTP allows it."""
        if not re.fullmatch(self.shape["pattern"].strip("^$"), text):
            raise ValidationError(f"{shown(text)} is not the name of a header")
        return text


class HeaderValue(Scalar):
    """The value of an HTTP header."""

    def parse(self, value: Any) -> str:
        """Return the value if it stays on its line."""
        text = super().parse(value)
        if not all(" " <= letter <= "~" or letter == "\t" for letter in text):
            raise ValidationError("holds characters that a header cannot")
        return text
