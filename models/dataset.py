"""The table of a dataset, built from its declaration."""

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)

from models.base import NAMING

# How full a load leaves the table's blocks, in per cent. An update that finds room in its row's block touches
# no index (HOT, https://www.postgresql.org/docs/current/storage-hot.html).
FILLED = 90


def dataset_table(name: str, fields: Iterable[Column[object]], indexed: Iterable[str] = ()) -> Table:
    """Return the typed table of a dataset: the system columns, then the declared fields.

    `content_hash` is 128 bits over the normalised values, kept as a uuid because that is PostgreSQL's
    only fixed-width 16-byte type. `raw_id` and `raw_index` name the record that the row came from;
    there is no foreign key, for a row outlives its raw page.
    """
    table = Table(
        name,
        MetaData(naming_convention=NAMING),
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("source", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("content_hash", Uuid, nullable=False),
        Column("raw_id", BigInteger, nullable=False),
        Column("raw_index", BigInteger, nullable=False),
        Column("run_id", BigInteger, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("deleted_at", DateTime(timezone=True)),
        *fields,
        UniqueConstraint("source", "key"),
        postgresql_with={"fillfactor": FILLED},
    )
    # Rows lie in the order in which runs wrote them, so a summary of each stretch of the table finds them; a
    # B-tree of each would cost a fifth of a load, and keep updates from being HOT.
    Index(
        f"ix_{name}_written",
        table.c.run_id,
        table.c.updated_at,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    for field in indexed:
        Index(None, table.c[field], table.c.id)
    return table
