"""Records of JSON in bulk: those that are written alike are taken apart together, by their shape."""

import json
from collections.abc import Iterator, Sequence

import polars as pl

from ingest import json_text
from ingest.decode.json_record import INDEX, storable
from ingest.decode.json_shape import Shape, Shapeless, shape_of
from ingest.json_parted import PLAIN_PATH

# A space keeps it apart from any path.
TEXT = " text"
ESCAPE = "\\"
# For fewer records than this a pattern does not pay.
FEWEST = 50
# How many shapes are tried, and how many of the records must have one for the next to be tried.
MOST_SHAPES, LEAST_SHARE = 5, 0.1


def alike(texts: pl.Series, paths: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Frames of cells with the numbers of their records, in no order; the other records are in none.

    Nulls are records of their own sort. Each cell is what a parser and `json_record` would make of it.
    """
    if not all(map(PLAIN_PATH.fullmatch, paths)):
        return
    left = pl.DataFrame({TEXT: texts}).with_row_index(INDEX)
    if texts.null_count():
        left = left.filter(texts.is_not_null())
    is_ascii = _is_ascii(texts)
    for _ in range(MOST_SHAPES):
        if len(left) < FEWEST:
            return
        try:
            shape = shape_of(json_text.parse(left[TEXT][0]), paths)
        except (Shapeless, ValueError):
            left = left[1:]
            continue
        groups = (
            left[TEXT].str.extract_groups(shape.ascii_pattern if is_ascii else shape.pattern).struct.unnest()
        )
        fits = groups.to_series(0).is_not_null()
        if fits.all():
            yield _cells(left, groups, shape, paths)
            return
        yield _cells(left.filter(fits), groups.filter(fits), shape, paths)
        if fits.sum() < LEAST_SHARE * len(left):
            return
        left = left.filter(~fits)


def _is_ascii(texts: pl.Series) -> bool:
    return bool(texts.str.len_bytes().sum() == texts.str.len_chars().sum())


def _cells(records: pl.DataFrame, groups: pl.DataFrame, shape: Shape, paths: Sequence[str]) -> pl.DataFrame:
    found = {path: groups.to_series(number) for number, path in enumerate(shape.paths, 1)}
    found |= {path: _unquoted(found[path]) for path in shape.literal}
    if records[TEXT].str.contains(ESCAPE, literal=True).any():
        found = {path: _unescaped(cells) for path, cells in found.items()}
    absent = pl.Series([None], dtype=pl.String).new_from_index(0, len(groups))
    return pl.DataFrame([records[INDEX], *(found.get(path, absent).alias(path) for path in paths)])


def _unquoted(literals: pl.Series) -> pl.Series:
    """Literals of JSON: texts without their quotes, numbers and words as they are written, null as null."""
    texts = pl.col(literals.name).str.strip_prefix('"').str.strip_suffix('"')
    return literals.to_frame().select(pl.when(pl.col(literals.name) != "null").then(texts)).to_series()


def _unescaped(cells: pl.Series) -> pl.Series:
    """What stands between the quotes of JSON texts, as the texts. Other cells hold no escape."""
    if not cells.str.contains(ESCAPE, literal=True).any():
        return cells
    return pl.Series([_text(cell) if cell and ESCAPE in cell else cell for cell in cells], dtype=pl.String)


def _text(inside: str) -> str | None:
    return storable(json.loads(f'"{inside}"'))
