"""The kinds of sources: each is one generator function, positions in, pages out."""

from collections.abc import Callable
from typing import Any

from ingest.kinds.csv_file import csv_file
from ingest.kinds.http_json import http_json

KINDS: dict[str, Callable[..., Any]] = {"http_json": http_json, "csv_file": csv_file}
