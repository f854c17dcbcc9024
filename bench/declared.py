"""What Kasparro is told about the coins: one dataset, and a source for each way they come."""

from pathlib import Path
from typing import Any

import yaml

SOURCE = "coins"
FIELDS = {
    "name": {"type": "string", "required": True},
    "symbol": {"type": "string"},
    "category": {"type": "string"},
    "price": {"type": "decimal", "min": 0},
    "market_cap": {"type": "decimal"},
    "volume": {"type": "decimal"},
    "rank": {"type": "integer"},
    "is_active": {"type": "boolean"},
    "updated": {"type": "datetime"},
}
DATASET = {"newest_by": "updated", "fields": FIELDS}
MAPPING = {name: "updated_at" if name == "updated" else name for name in FIELDS}
# How many pages may be asked for at once, by us and by the floor alike.
AHEAD = 16

Kind = dict[str, Any]
CSV: Kind = {"kind": "csv_file", "options": {"path": "coins.csv"}}
JSONL: Kind = {"kind": "jsonl_file", "options": {"path": "coins.jsonl"}}


def rest(url: str, *, ahead: int = 1, **params: int) -> Kind:
    """The paged API at that URL, asked with these parameters."""
    paginate = {"type": "page", "param": "page", "size": 1_000} | ({"ahead": ahead} if ahead > 1 else {})
    named = {name: str(value) for name, value in params.items()}
    return {"kind": "http_json", "options": {"url": url, "params": named, "paginate": paginate}}


def declare(folder: Path, kind: Kind) -> Path:
    """Write a catalogue whose one source is of that kind."""
    source = {"dataset": SOURCE, "key": "id", "fields": MAPPING, **kind}
    for name, content in (("datasets", DATASET), ("sources", source)):
        (folder / name).mkdir(parents=True)
        (folder / name / f"{SOURCE}.yaml").write_text(yaml.safe_dump(content))
    return folder
