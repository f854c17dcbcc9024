"""Of the rows of a page that have one key, the one that counts."""

import polars as pl

from ingest.declared import Dataset
from ingest.normalize.fields import TYPES


def fold(good: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """One row a key: PostgreSQL refuses to write a row twice in one statement (21000)."""
    if good["key"].n_unique() == len(good):
        return good
    if dataset.newest_by is None:
        return good.unique("key", keep="last", maintain_order=True)
    order = TYPES[dataset.field(dataset.newest_by).type].order
    assert order is not None, "the catalogue admits only types with an order"
    repeated = good["key"].is_duplicated()
    newest: dict[str, tuple[tuple[bool, object], int]] = {}
    for index, key, version in good.filter(repeated).select("index", "key", "version").iter_rows():
        age = (version is not None, None if version is None else order(version))
        if key not in newest or _not_older(age, newest[key][0]):
            newest[key] = (age, index)
    kept = [index for _, index in newest.values()]
    return good.filter(~repeated | pl.col("index").is_in(kept))


def _not_older(age: tuple[bool, object], other: tuple[bool, object]) -> bool:
    """A known age beats an unknown one; of equal ages the later row counts."""
    return age[0] > other[0] if age[0] != other[0] else not age[0] or age[1] >= other[1]  # type: ignore[operator]
