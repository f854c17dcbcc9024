"""What the catalogue declares, checked and ready to use: Dataset, Field, Source, Mapping.

`ingest.catalog` builds these from YAML; nothing else does. They are plain values.
"""

from collections.abc import Callable, Generator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingest.page import Page, Position


@dataclass(frozen=True)
class Field:
    """One declared column of a dataset. `type` is one of `ingest.normalize.fields`; min and max are texts."""

    name: str
    type: str
    required: bool = False
    min: str | None = None
    max: str | None = None
    max_length: int | None = None
    one_of: tuple[str, ...] | None = None
    pattern: str | None = None
    index: bool = False
    description: str = ""


@dataclass(frozen=True)
class Dataset:
    """One schema that sources share; the table has its name. `newest_by` names the field that tells age."""

    name: str
    fields: tuple[Field, ...]
    newest_by: str | None = None
    description: str = ""

    def field(self, name: str) -> Field:
        """Return the declared field. Raises KeyError."""
        return {field.name: field for field in self.fields}[name]


@dataclass(frozen=True)
class Mapping:
    """How one source fills one field: where the value comes from, and how its text is read.

    Exactly one of `path` (the YAML key `from`) and `constant` is set; `default` replaces an absent or null
    value. `nulls` are words that mean null. `format` is a strptime format, "epoch" or "epoch_ms";
    `zone` is an IANA name for times that carry none.
    """

    field: str
    path: str | None = None
    constant: str | None = None
    default: str | None = None
    trim: bool = True
    nulls: tuple[str, ...] = ("",)
    case: str | None = None
    format: str | None = None
    zone: str | None = None
    decimal_comma: bool = False
    money: bool = False


@dataclass(frozen=True)
class Piece:
    """One part of a source as it is planned: its name, and what it is (plain JSON values)."""

    name: str
    spec: dict[str, Any]


# What is known of the parts pulled before: their positions, and when the run began that wrote them.
Standing = MappingType[str, tuple[Position, datetime]]


@dataclass(frozen=True)
class Parts:
    """How a source is divided. `plan` says into what, as of a time; `pull` is the kind, bound to one part.

    `pullers` is how many may work at the same time; None: as many as the setting says.
    """

    plan: Callable[[Standing, datetime], list[Piece]]
    pull: Callable[[Piece, Any, dict[str, Position]], Generator[Page, None, None]]
    pullers: int | None = None


@dataclass(frozen=True)
class Source:
    """One declared source. `pull` is its kind with the options bound: positions in, pages out.

    `key` holds the paths whose values name a record. `every` and `cron` exclude each other; with neither
    the source runs on request only. A run stops when more than `max_reject_percent` of its records (of 100 at
    least) are rejects. `digest` changes when the declaration does. `secrets` are the
    names of environment variables that the file refers to, never their values. `allow_private`: whether
    `upstream` may be at an address that is not public; None: as the setting says. `parts`: how many workers
    share one run; None: one does all.
    """

    name: str
    dataset: Dataset
    kind: str
    key: tuple[str, ...]
    mapping: tuple[Mapping, ...]
    pull: Callable[[Any, dict[str, Position]], Generator[Page, None, None]]
    records: str | None = None
    every: timedelta | None = None
    cron: str | None = None
    keep_raw: timedelta = timedelta(days=90)
    max_reject_percent: int = 50
    digest: str = ""
    description: str = ""
    upstream: str = ""
    allow_private: bool | None = None
    secrets: tuple[str, ...] = ()
    parts: Parts | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that a record is asked for, once each: the key's, then the mapping's."""
        mapped = [mapping.path for mapping in self.mapping if mapping.path is not None]
        return tuple(dict.fromkeys([*self.key, *mapped]))


@dataclass(frozen=True)
class Catalog:
    """All that is declared, by name."""

    datasets: dict[str, Dataset]
    sources: dict[str, Source]
