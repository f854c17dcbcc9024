"""The tables of Kasparro: names, columns and constraints, and nothing else.

No query, no session and no I/O lives here. Rows are written by `ingest.store` and `ingest.runs`
and read for the API by `webapp.queries`.
"""

from models.api_key import SCOPES, ApiKey
from models.base import Base
from models.checkpoint import Checkpoint
from models.dataset import dataset_table
from models.part import PART_STATES, Part, Trace
from models.raw import RAW_ID, RawPage
from models.reject import Reject
from models.run import OPEN_RUN_PER_SOURCE, OPEN_STATES, PULLS, REPLAYS, RUN_STATES, TERMINAL_STATES, Run
from models.source import Source

__all__ = [
    "OPEN_RUN_PER_SOURCE",
    "OPEN_STATES",
    "PART_STATES",
    "PULLS",
    "RAW_ID",
    "REPLAYS",
    "RUN_STATES",
    "SCOPES",
    "TERMINAL_STATES",
    "ApiKey",
    "Base",
    "Checkpoint",
    "Part",
    "RawPage",
    "Reject",
    "Run",
    "Source",
    "Trace",
    "dataset_table",
]
