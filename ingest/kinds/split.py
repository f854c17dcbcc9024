"""How sources are divided into parts: by files, bytes of files, values of a parameter, spans of time.

Each way is two functions: `plan` says what the parts are, and `bind` the kind's options for one of them.
"""

import glob
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ingest.declared import Parts, Piece, Standing
from ingest.errors import SourceBroken
from ingest.files.json_lines import JsonLines, read_layout
from ingest.files.opened import is_gzip, matching
from ingest.files.ranges import ranges
from ingest.files.slices import Layout
from ingest.kinds.csv_file import csv_file
from ingest.kinds.csv_file import layout as csv_layout
from ingest.kinds.jsonl_file import jsonl_file
from ingest.kinds.watermark import read, written
from ingest.page import Page, Position

Options = Mapping[str, Any]
Kind = Callable[..., Iterator[Page]]
MOST_PARTS = 10_000


@dataclass(frozen=True)
class Way:
    """One way to divide. `plan` takes the kind, its options, the way's own, what is known, and the time."""

    plan: Callable[[Kind, Options, Options, Standing, datetime], Iterator[Piece]]
    bind: Callable[[Options, Options, Options], Options]


def parts_of(kind: Kind, options: Options, declared: Options) -> Parts:
    """The parts of a source of that kind, as its file declares them."""
    own = {name: value for name, value in declared.items() if name not in ("by", "pullers")}
    plan = partial(_plan, kind, declared["by"], options, own)
    return Parts(plan, partial(_pull, kind, declared["by"], options, own), declared["pullers"])


def _plan(
    kind: Kind, by: str, options: Options, own: Options, standing: Standing, now: datetime
) -> list[Piece]:
    pieces = []
    for piece in WAYS[by].plan(kind, options, own, standing, now):
        pieces.append(Piece(piece.name, {**piece.spec, "by": by}))
        if len(pieces) > MOST_PARTS:
            raise SourceBroken(f"there are more than {MOST_PARTS} parts; make them larger", kind="parts")
    return pieces


def _pull(
    kind: Kind,
    by: str,
    options: Options,
    own: Options,
    piece: Piece,
    http: Any,
    positions: dict[str, Position],
) -> Generator[Page, None, None]:
    """The pages of one part, under its name: the kind knows no part but its own."""
    if piece.spec["by"] != by:
        raise SourceBroken("parts are declared in another way since the run began", kind="parts")
    inner = piece.spec.get("file", "")
    known = {inner: positions[piece.name]} if piece.name in positions else {}
    for page in kind(http, known, **{**options, **WAYS[by].bind(options, own, piece.spec)}):
        yield page.of_part(piece.name)


def _files(kind: Kind, options: Options, own: Options, standing: Standing, now: datetime) -> Iterator[Piece]:
    for name in matching(Path(options["root"]), options["path"]):
        yield Piece(name, {"file": name})


def _one_file(options: Options, own: Options, spec: Options) -> Options:
    return {"path": glob.escape(spec["file"])}


def _bytes(kind: Kind, options: Options, own: Options, standing: Standing, now: datetime) -> Iterator[Piece]:
    root, layout = Path(options["root"]), partial(LAYOUTS[kind], options=options)
    for name in matching(root, options["path"]):
        gzip = is_gzip(name, options["compression"])
        for number, span in enumerate(ranges(root, name, layout, size=own["size"], gzip=gzip)):
            yield Piece(f"{name}#{number}", {"file": name, "span": span})


def _one_range(options: Options, own: Options, spec: Options) -> Options:
    return {"path": glob.escape(spec["file"]), "span": spec["span"]}


def _values(kind: Kind, options: Options, own: Options, standing: Standing, now: datetime) -> Iterator[Piece]:
    for value in own["values"]:
        yield Piece(f"{own['param']}={value}", {"value": value})


def _one_value(options: Options, own: Options, spec: Options) -> Options:
    return {"params": {**(options.get("params") or {}), own["param"]: spec["value"]}}


def _windows(
    kind: Kind, options: Options, own: Options, standing: Standing, now: datetime
) -> Iterator[Piece]:
    """Spans from the start up to now. One that was read to its end, long enough after it, is left out."""
    start, step = read(own["start"], "iso"), timedelta(seconds=own["step"])
    assert isinstance(start, datetime), "the catalogue admits nothing else"
    while start < now:
        end, name = start + step, start.isoformat()
        position, began = standing.get(name, (None, now))
        settled = end + timedelta(seconds=own["lookback"])
        if position is None or "next" in position or began < settled:
            yield Piece(name, {"from": name, "to": min(end, now).isoformat()})
        start = end


def _one_window(options: Options, own: Options, spec: Options) -> Options:
    window = {
        own[f"{end}_param"]: _time(datetime.fromisoformat(spec[end]), own["format"]) for end in ("from", "to")
    }
    return {"params": {**(options.get("params") or {}), **window}}


def _time(moment: datetime, format: str) -> str:
    return moment.date().isoformat() if format == "date" else written(moment, format)


def _lines(pieces: Iterator[bytes], options: Options) -> JsonLines:
    return read_layout(pieces)


# Where records begin and end in the files of each kind that can be cut.
LAYOUTS: dict[Kind, Callable[..., Layout | None]] = {csv_file: csv_layout, jsonl_file: _lines}

WAYS = {
    "files": Way(_files, _one_file),
    "bytes": Way(_bytes, _one_range),
    "values": Way(_values, _one_value),
    "windows": Way(_windows, _one_window),
}
