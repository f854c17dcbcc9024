"""What source files say about parts: one schema for each way to divide a source."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import ValidationError

from ingest.catalog.groups import Closed, Many
from ingest.catalog.units import Duration, Size
from ingest.catalog.values import Choice, Filled, Scalar, Text, Whole
from ingest.references import shown

PULLERS = "How many workers may pull parts at the same time; absent: the setting MAX_PULLERS."


class Moment(Text):
    """A date, or a time with its zone, as ISO 8601 writes them."""

    def check(self, text: str) -> Any:
        """Return the time in full; a date is midnight UTC."""
        try:
            moment = datetime.fromisoformat(f"{text}T00:00:00Z" if len(text) == len("2024-01-01") else text)
        except ValueError as error:
            raise ValidationError(f"{shown(text)} is not a date like 2024-01-01") from error
        if moment.tzinfo is None:
            raise ValidationError(f"{shown(text)} names no time zone; end it with Z")
        return moment.isoformat()


class ByFiles(Closed):
    """Each file that matches is a part."""

    by = Choice(["files"], required=True)
    pullers = Whole(PULLERS, least=1, most=1000, default=None)


class ByBytes(Closed):
    """Files are cut into ranges of bytes, each at a record's end; a compressed file is one part."""

    by = Choice(["bytes"], required=True)
    size = Size("About so many bytes are a part.", least=1024, most=1024**4, default="64MB")
    pullers = Whole(PULLERS, least=1, most=1000, default=None)


class ByValues(Closed):
    """One list for each value of a query parameter."""

    by = Choice(["values"], required=True)
    param = Filled("The query parameter.", required=True)
    values = Many(Scalar(), "Its values, in the order that decides between equal keys.", required=True)
    pullers = Whole(PULLERS, least=1, most=1000, default=None)


class ByWindows(Closed):
    """One list for each span of time, from a start up to now."""

    by = Choice(["windows"], required=True)
    from_param = Filled("The query parameter with the beginning of a span.", required=True)
    to_param = Filled("The query parameter with its end.", required=True)
    start = Moment("Where the first span begins.", required=True)
    step = Duration("How long a span is.", least=60, required=True)
    format = Choice(["iso", "date", "epoch", "epoch_ms"], "How the API wants times.", default="iso")
    lookback = Duration("How long after its end a span is asked for again.", default="1d")
    pullers = Whole(PULLERS, least=1, most=1000, default=None)


PARTS: Mapping[str, type[Closed]] = {
    "files": ByFiles,
    "bytes": ByBytes,
    "values": ByValues,
    "windows": ByWindows,
}
# The ways in which a kind can be divided.
FILES = ("files", "bytes")
SUITED = {"csv_file": FILES, "jsonl_file": FILES, "http_json": ("values", "windows")}


def parts_problems(data: dict[str, Any]) -> dict[str, str]:
    """What does not fit the kind or its options, by path in the file."""
    declared, kind = data.get("parts"), data.get("kind")
    if not declared or kind not in SUITED:
        return {}
    if declared["by"] not in SUITED[kind]:
        return {"parts.by": f"a {kind} is divided by {' or '.join(SUITED[kind])}"}
    options = data.get("options") or {}
    if declared["by"] == "windows" and options.get("since"):
        return {"parts.by": "excludes options.since: spans that have passed are not asked for again anyway"}
    given = {declared.get(name) for name in ("param", "from_param", "to_param")} - {None}
    if both := sorted(given & (options.get("params") or {}).keys()):
        return {f"options.params.{both[0]}": "is set by parts"}
    return {}
