"""The declarative base that every table shares."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeEngine

# Constraints get names that migrations can rely on (https://alembic.sqlalchemy.org/en/latest/naming.html).
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


TYPES: dict[type, TypeEngine[Any]] = {datetime: DateTime(timezone=True), int: BigInteger(), str: Text()}


class Base(DeclarativeBase):
    """Times are aware UTC, integers are bigint, text is unbounded.

    The types stand in the registry: Flask-SQLAlchemy copies the class, and a copy may have no map of its own.
    """

    registry = registry(type_annotation_map=TYPES, metadata=MetaData(naming_convention=NAMING))
