"""The bulk expressions of a source, built once: to build them takes longer than to run them on a page."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce

import polars as pl

from ingest.declared import Field, Mapping, Source
from ingest.normalize.accept import first_of
from ingest.normalize.constraints import satisfied
from ingest.normalize.fields import FREE_TEXT, TYPES
from ingest.normalize.judge import CANONICAL, FITS, KEY, LONGEST_KEY, ROW, Judge
from ingest.page import NOT_TEXT

# The characters that COPY's text format gives a meaning to; the backslash comes first.
ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


@dataclass(frozen=True)
class Plan:
    """`cleaned` makes of cells the key and a column of text for each field, `canonical` and `fits` of those
    the canonical texts and whether the row is certainly good, `doubtful` what the judge wants to see of
    other rows; `line` encodes the canonical texts for COPY."""

    cleaned: list[pl.Expr]
    canonical: list[pl.Expr]
    fits: pl.Expr
    doubtful: list[pl.Expr]
    special: pl.Expr
    line: pl.Expr
    escaped_line: pl.Expr
    judge: Judge

    def checked(self, cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The canonical texts of the rows that certainly fit; what is known of the others, for the judge."""
        query = cells.lazy().with_row_index(ROW).select(pl.col(ROW).cast(pl.Int64), *self.cleaned)
        both = query.with_columns(self.canonical).with_columns(self.fits.alias(FITS)).collect()
        names, fits = self.judge.names, both[FITS]
        checked = both[[ROW, KEY, *(name + CANONICAL for name in names)]]
        checked.columns = [ROW, KEY, *names]
        if fits.all():
            return checked, both.clear()
        return checked.filter(fits), both.filter(~fits).with_columns(self.doubtful)

    def lines(self, rows: pl.DataFrame) -> pl.Series:
        """The key and the canonical texts of each row in COPY's text format. Most pages need no escapes."""
        special = rows.select(self.special).item()
        return rows.select(self.escaped_line if special else self.line).to_series()


@lru_cache(maxsize=256)
def plan_of(source: Source) -> Plan:
    """The plan of a source."""
    by_field = {mapping.field: mapping for mapping in source.mapping}
    fields = source.dataset.fields
    free = [KEY, *(field.name for field in fields if field.type in FREE_TEXT)]
    return Plan(
        cleaned=[
            key_text(source).alias(KEY),
            *(cleaned_text(by_field.get(field.name)).alias(field.name) for field in fields),
        ],
        canonical=[_canonical(field, by_field) for field in fields],
        fits=pl.all_horizontal(_key_fits(), *(_fits(field, by_field) for field in fields)).fill_null(False),
        doubtful=[*map(_certain, fields), *(_valued(field, by_field) for field in fields)],
        special=pl.any_horizontal(pl.col(name).str.contains_any(list(ESCAPES)) for name in free).any(),
        line=_line(fields, free=()),
        escaped_line=_line(fields, free),
        judge=Judge(source),
    )


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
    """The text of a mapped field: trimmed, case changed, default filled in; null words may stand still."""
    if mapping is None:
        return pl.lit(None, pl.String)
    if mapping.path is None:
        return pl.lit(mapping.constant, pl.String)
    text = pl.col(mapping.path)
    if mapping.trim:
        text = text.str.strip_chars()
    if _nulls_matter_first(mapping):
        text = pl.when(~text.is_in(list(mapping.nulls))).then(text)
    if mapping.case is not None:
        text = text.str.to_uppercase() if mapping.case == "upper" else text.str.to_lowercase()
    return text if mapping.default is None else text.fill_null(mapping.default)


def _nulls_matter_first(mapping: Mapping) -> bool:
    """Whether null words must be gone before the text is worked on."""
    return mapping.case is not None or mapping.default is not None


def _is_no_value(field: Field, by_field: dict[str, Mapping]) -> pl.Expr:
    """Which cleaned texts of the field are null words, which are left until here: one pass less over all."""
    mapping, text = by_field.get(field.name), pl.col(field.name)
    if mapping is None or mapping.path is None or _nulls_matter_first(mapping):
        return text.is_null()
    return text.is_null() | text.is_in(list(mapping.nulls))


def _valued(field: Field, by_field: dict[str, Mapping]) -> pl.Expr:
    return pl.when(~_is_no_value(field, by_field)).then(pl.col(field.name)).alias(field.name)


def _canonical(field: Field, by_field: dict[str, Mapping]) -> pl.Expr:
    name = field.name + CANONICAL
    mapping = by_field.get(field.name)
    if mapping is None:
        return pl.col(field.name).alias(name)
    ways = TYPES[field.type].fast(pl.col(field.name), field, mapping)
    return first_of([(holds & ~_is_no_value(field, by_field), text) for holds, text in ways]).alias(name)


def _fits(field: Field, by_field: dict[str, Mapping]) -> pl.Expr:
    good = _is_certain(field)
    return good if field.required else good | _is_no_value(field, by_field)


def _is_certain(field: Field) -> pl.Expr:
    return satisfied(pl.col(field.name + CANONICAL), field)


def _certain(field: Field) -> pl.Expr:
    return pl.when(_is_certain(field)).then(pl.col(field.name + CANONICAL))


def _key_fits() -> pl.Expr:
    key = pl.col(KEY)
    return (
        key.is_not_null() & (key.str.len_bytes() <= LONGEST_KEY) & ~key.str.contains(NOT_TEXT, literal=True)
    )


def copy_text(text: pl.Expr) -> pl.Expr:
    """Escape what COPY's text format gives a meaning to."""
    return reduce(lambda expr, step: expr.str.replace_all(*step, literal=True), ESCAPES.items(), text)


def _line(fields: Iterable[Field], free: Collection[str]) -> pl.Expr:
    """The cells, parted by tabs; those of the columns `free` are escaped."""
    names = [KEY, *(field.name for field in fields)]
    cells = [copy_text(pl.col(name)) if name in free else pl.col(name) for name in names]
    return pl.concat_str([cell.fill_null("\\N") for cell in cells], separator="\t")
