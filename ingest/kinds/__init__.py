"""The kinds of sources: each is one generator function, positions in, pages out."""

from collections.abc import Callable
from typing import Any

from ingest.kinds.csv_file import csv_file
from ingest.kinds.http_json import http_json
from ingest.kinds.jsonl_file import jsonl_file

KINDS: dict[str, Callable[..., Any]] = {
    "http_json": http_json,
    "csv_file": csv_file,
    "jsonl_file": jsonl_file,
}
