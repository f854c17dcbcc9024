"""From a frame of text to good rows and rejects. Pure: no session, no clock, no network.

Text is cleaned in bulk (trim, null words, case, defaults). Rows that the fast checks accept are done;
whatever they do not accept goes, row by row, to marshmallow, whose verdict and message are final.
A good row leaves as its canonical line in PostgreSQL's COPY text format, which is also what is hashed:
no float, no rounding, no Python object on the way (https://www.postgresql.org/docs/current/sql-copy.html).
"""

from functools import reduce

import polars as pl
import xxhash

from ingest.declared import Field, Mapping, Source
from ingest.normalize.constraints import satisfied
from ingest.normalize.fields import FREE_TEXT, TYPES
from ingest.normalize.judge import FITS, KEY, LONGEST_KEY, ROW, Judge
from ingest.page import NOT_TEXT, Frame, Reject

GOOD = {"index": pl.Int64, "key": pl.String, "hash": pl.String, "version": pl.String, "line": pl.String}


def normalize(frame: Frame, source: Source) -> tuple[pl.DataFrame, list[Reject]]:
    """Return the good rows (columns of `GOOD`, in page order) and the rejects of a page.

    `index` is the record's number in the page, `hash` 32 hex digits over the line, `version` the
    canonical text of the dataset's `newest_by` field, `line` the key and the declared fields for COPY.
    """
    cleaned = clean(frame.cells, source)
    checked = check(cleaned, source)
    accepted = checked.filter(pl.col(FITS))
    judged, rejects = Judge(source).rows(cleaned.filter(~checked[FITS]), frame)
    rows = pl.concat([accepted.select(judged.columns), judged]).sort(ROW)
    return finish(rows, frame, source), sorted([*frame.rejects, *rejects], key=lambda reject: reject.index)


def clean(cells: pl.DataFrame, source: Source) -> pl.DataFrame:
    """One column of cleaned text for each field of the dataset, and the record's key."""
    by_field = {mapping.field: mapping for mapping in source.mapping}
    columns = [cleaned_text(by_field.get(field.name)).alias(field.name) for field in source.dataset.fields]
    return cells.with_row_index(ROW).select(pl.col(ROW).cast(pl.Int64), key_text(source).alias(KEY), *columns)


def key_text(source: Source) -> pl.Expr:
    """One path: its trimmed text. Several: a list of them, quoted so that no two keys run together."""
    parts = [pl.col(path).str.strip_chars() for path in source.key]
    if len(parts) == 1:
        return pl.when(parts[0] != "").then(parts[0])
    quoted = [
        part.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        for part in parts
    ]
    joined = pl.concat_str(quoted, separator='","')
    anything_missing = pl.any_horizontal([part.is_null() | (part == "") for part in parts])
    return pl.when(~anything_missing).then(pl.format('["{}"]', joined))


def cleaned_text(mapping: Mapping | None) -> pl.Expr:
    """The text of a mapped field: trimmed, null words gone, case changed, default filled in."""
    if mapping is None:
        return pl.lit(None, pl.String)
    if mapping.path is None:
        return pl.lit(mapping.constant, pl.String)
    text = pl.col(mapping.path)
    if mapping.trim:
        text = text.str.strip_chars()
    text = pl.when(~text.is_in(list(mapping.nulls))).then(text)
    if mapping.case is not None:
        text = text.str.to_uppercase() if mapping.case == "upper" else text.str.to_lowercase()
    return text if mapping.default is None else text.fill_null(mapping.default)


def check(cleaned: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Canonical text of every field, and whether the whole row is certainly good."""
    by_field = {mapping.field: mapping for mapping in source.mapping}
    fields = source.dataset.fields
    canonical = cleaned.select(ROW, KEY, *[_canonical(field, by_field).alias(field.name) for field in fields])
    fits = [_key_fits(), *[_fits(field, cleaned[field.name].is_null()) for field in fields]]
    return canonical.with_columns(pl.all_horizontal(fits).fill_null(False).alias(FITS))


def _canonical(field: Field, by_field: dict[str, Mapping]) -> pl.Expr:
    if field.name not in by_field:
        return pl.col(field.name)
    return TYPES[field.type].fast(pl.col(field.name), field, by_field[field.name])


def _fits(field: Field, absent: pl.Series) -> pl.Expr:
    good = pl.col(field.name).is_not_null() & satisfied(pl.col(field.name), field)
    return good if field.required else good | pl.lit(absent)


def _key_fits() -> pl.Expr:
    key = pl.col(KEY)
    return (
        key.is_not_null() & (key.str.len_bytes() <= LONGEST_KEY) & ~key.str.contains(NOT_TEXT, literal=True)
    )


def finish(rows: pl.DataFrame, frame: Frame, source: Source) -> pl.DataFrame:
    """Encode, hash and number the good rows."""
    lines = rows.select(_line(source.dataset.fields).alias("line"))["line"]
    version = pl.col(source.dataset.newest_by) if source.dataset.newest_by else pl.lit(None, pl.String)
    index = pl.Series(frame.index, dtype=pl.Int64).gather(rows[ROW])
    hashes = [xxhash.xxh3_128_hexdigest(line) for line in lines.cast(pl.Binary)]
    return rows.select(
        pl.lit(index).alias("index"),
        pl.col(KEY).alias("key"),
        pl.Series("hash", hashes, dtype=pl.String),
        version.alias("version"),
        pl.lit(lines).alias("line"),
    )


def copy_text(text: pl.Expr) -> pl.Expr:
    """Escape the characters that COPY's text format gives a meaning to."""
    steps = [("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")]
    return reduce(lambda expr, step: expr.str.replace_all(*step, literal=True), steps, text)


def _line(fields: tuple[Field, ...]) -> pl.Expr:
    cells = [
        copy_text(pl.col(field.name)) if field.type in FREE_TEXT else pl.col(field.name) for field in fields
    ]
    return pl.concat_str([copy_text(pl.col(KEY)), *[cell.fill_null("\\N") for cell in cells]], separator="\t")
