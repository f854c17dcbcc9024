"""The files of a run: dirty as an upstream sends them, and clean as they must stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bench.pages import RECORDS
from bench.rows import BLOCK, COLUMNS, NUMBERS, block, changed, mixed, standing

HEADER = ",".join(COLUMNS)
SEED = 7
# One row in a hundred has a new price in the changed twin.
ONE_IN = 100
# What a broken row has instead of the value, as CSV and as JSON.
SPOILT = {
    "price": ("price", "not-a-price", '"not-a-price"'),
    "negative": ("price", "-1.5", "-1.5"),
    "date": ("updated_at", "2026-13-45T00:00:00Z", '"2026-13-45T00:00:00Z"'),
    "no key": ("id", "", '""'),
    "boolean": ("is_active", "perhaps", '"perhaps"'),
    "rank": ("rank", "12.5", "12.5"),
}


@dataclass(frozen=True)
class Inputs:
    """Where the files are, and what they hold."""

    folder: Path
    rows: int
    broken: int
    standing: int
    far_pages: int

    @property
    def far_rows(self) -> int:
        """How many records the far API gives."""
        return min(self.rows, self.far_pages * RECORDS)

    def file(self, name: str) -> Path:
        """The path of one of the files."""
        return self.folder / name


def write(folder: Path, rows: int, *, seed: int = SEED) -> Inputs:
    """Write all files of the cases; the same seed gives the same bytes."""
    broken = stand = 0
    far_pages = max(1, min(rows // 4, BLOCK) // RECORDS)
    for part in blocks(rows, seed):
        twin = changed(part, ONE_IN, seed=seed)
        clean, clean_twin = standing(part), standing(twin)
        broken += int((part["broken"] != "").sum())
        stand += len(clean)
        for name, lines, header in (
            ("dirty.csv", csv_lines(part), HEADER),
            ("clean.csv", csv_lines(clean), HEADER),
            ("changed.csv", csv_lines(twin), HEADER),
            ("clean_changed.csv", csv_lines(clean_twin), HEADER),
            ("dirty.jsonl", json_lines(part, short=CUT_LINE), ""),
            ("clean.jsonl", json_lines(clean, short=CUT_LINE), ""),
            ("clean_changed.jsonl", json_lines(clean_twin, short=CUT_LINE), ""),
            ("records.jsonl", json_lines(part, short=NO_OBJECT), ""),
            (
                "clean_far.csv",
                csv_lines(standing(part.filter(pl.col("number") < far_pages * RECORDS))),
                HEADER,
            ),
            ("with_system_columns.csv", _system_lines(clean), ""),
        ):
            append(folder / name, lines, header)
    return Inputs(folder, rows, broken, stand, far_pages)


def blocks(rows: int, seed: int) -> Iterator[pl.DataFrame]:
    """The rows in blocks, so that ten million need no more memory than one."""
    for first in range(0, rows, BLOCK):
        yield block(first, min(BLOCK, rows - first), seed=seed)


def append(path: Path, lines: pl.Series, header: str = "") -> None:
    """Add lines to a file, after a header where it is new."""
    with path.open("ab") as file:
        if header and not file.tell():
            file.write(f"{header}\n".encode())
        lines.to_frame().write_csv(file, include_header=False, quote_style="never")


def csv_lines(rows: pl.DataFrame) -> pl.Series:
    """Each row as a line of CSV, broken where it is to be."""
    values = {name: _spoilt(name, pl.col(_held(name)), as_json=False) for name in COLUMNS}
    quoted = pl.concat_str(pl.lit('"'), values["name"], pl.lit('"'))
    values["name"] = pl.when(values["name"].str.contains(",")).then(quoted).otherwise(values["name"])
    whole = pl.concat_str(*values.values(), separator=",")
    short = pl.concat_str(values["id"], values["name"], values["symbol"], separator=",")
    long = pl.concat_str(whole, pl.lit(",surplus"))
    return rows.select(line=_by_way(whole, short=short, long=long)).to_series()


# Where a row of CSV would lack fields, a line of JSON ends too early, and a reply holds what is no object.
CUT_LINE = pl.concat_str(pl.lit('{"id":"'), pl.col("id"), pl.lit('","name'))
NO_OBJECT = pl.concat_str(pl.lit('["'), pl.col("id"), pl.lit('"]'))


def json_lines(rows: pl.DataFrame, *, short: pl.Expr) -> pl.Series:
    """Each row as a line of JSON, broken where it is to be."""
    values = {name: _json_value(name) for name in COLUMNS}
    whole = _json_object(values)
    long = _json_object(values | {"price": pl.lit('{"usd":1}')})
    return rows.select(line=_by_way(whole, short=short, long=long)).to_series()


def _by_way(whole: pl.Expr, *, short: pl.Expr, long: pl.Expr) -> pl.Expr:
    way = pl.col("broken")
    return pl.when(way == "short").then(short).when(way == "long").then(long).otherwise(whole)


def _held(name: str) -> str:
    return "price_text" if name == "price" else name


def _json_value(name: str) -> pl.Expr:
    value = pl.col(_held(name))
    plain = value if name in NUMBERS else pl.concat_str(pl.lit('"'), value, pl.lit('"'))
    return _spoilt(name, plain, as_json=True)


def _json_object(values: dict[str, pl.Expr]) -> pl.Expr:
    members = [pl.concat_str(pl.lit(f'"{name}":'), value) for name, value in values.items()]
    return pl.concat_str(pl.lit("{"), pl.concat_str(*members, separator=","), pl.lit("}"))


def _spoilt(name: str, value: pl.Expr, *, as_json: bool) -> pl.Expr:
    for way, (field, csv, json) in SPOILT.items():
        if field == name:
            value = pl.when(pl.col("broken") == way).then(pl.lit(json if as_json else csv)).otherwise(value)
    return value


def _system_lines(clean: pl.DataFrame) -> pl.Series:
    """The clean rows as CSV after the system columns that every item of ours has."""
    halves = (mixed(pl.col("number"), salt).cast(pl.String).str.zfill(20) for salt in (1, 2))
    hashed = pl.concat_str(*halves)
    system = [
        pl.lit("coins"),
        pl.col("id"),
        hashed.str.head(32),
        pl.lit("1"),
        pl.col("number").cast(pl.String),
    ]
    lines = csv_lines(clean).alias("line")
    rest = pl.col("line").str.splitn(",", 2).struct.field("field_1")
    return (
        clean.with_columns(lines).select(pl.concat_str(*system, pl.lit("1"), rest, separator=",")).to_series()
    )
