"""How much a reply may hold.

Parsed, a value takes many times its bytes, and so does a record that is set aside. These are what a reply at
the cap of its size may hold of them; dense replies of an ordinary API hold half as many.
"""

from collections.abc import Sequence
from typing import Any

from ingest.errors import SourceBroken
from ingest.http.messages import Request
from ingest.json_text import most_values

BYTES_A_VALUE, LEAST_VALUES = 16, 100_000
BYTES_A_RECORD, LEAST_RECORDS = 256, 50_000


def weight(body: bytes) -> int:
    """The bytes of a body, or more when it holds many values."""
    return max(len(body), BYTES_A_VALUE * most_values(body))


def check_values(body: bytes, request: Request) -> None:
    """Raise SourceBroken when a body holds too many values. Each takes a byte, so few bodies are counted."""
    most = max(LEAST_VALUES, request.max_body // BYTES_A_VALUE)
    if len(body) > most:
        _check("values", most_values(body), most, request)


def check_records(records: Sequence[Any], request: Request) -> None:
    """Raise SourceBroken when there are too many records."""
    most = max(LEAST_RECORDS, request.max_body // BYTES_A_RECORD)
    _check("records", len(records), most, request)


def _check(what: str, many: int, most: int, request: Request) -> None:
    if many > most:
        message = f"the reply holds {many} {what}; with max_body {request.max_body} at most {most} are read"
        raise SourceBroken(
            f"{request.method} {request.shown}: {message}. Ask for smaller pages", kind="reply"
        )
