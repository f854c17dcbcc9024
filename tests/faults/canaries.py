"""Canaries: a unique text in every credential, and how it is looked for wherever a thing is kept or said."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psutil
import zstandard
from sqlalchemy import Engine, text

# Letters that are written in another way in a URL, in JSON and in base64; none that a URL may not hold.
CANARIES = {
    name: f"canary-{name}-7c9e/+&x"
    for name in (
        "header",
        "bearer",
        "basic",
        "query",
        "body",
        "header_option",
        "param",
        "link",
        "echoed",
    )
}
# These stand in addresses, or in a header that people type.
PLAIN = {
    name: f"canary-{name}-51d3x"
    for name in ("api_key", "in_path", "postgres", "redis", "wrong_redis", "wrong_postgres")
}
EVERY = {**CANARIES, **PLAIN}


def forms(secret: str) -> set[bytes]:
    """How a secret may be written: as it is, for a URL, in JSON, and in base64 wherever it begins."""
    plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    plain |= {form.replace("/", r"\/") for form in plain}
    return {form.encode() for form in plain} | set(_in_base64(secret.encode()))


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """What is the same whatever stands before and behind it."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + secret)
        stable = coded[-(-before * 4 // 3) + (1 if before else 0) : (before + len(secret)) // 3 * 4]
        yield from (stable, stable.replace(b"+", b"-").replace(b"/", b"_"))


FORMS = {name: forms(secret) for name, secret in EVERY.items()}


def found(where: str, content: bytes | str) -> list[str]:
    """The canaries in it, each with where it was found and what stands around it."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    hits = []
    for name, written in FORMS.items():
        for form in written:
            if (at := data.find(form)) >= 0:
                hits.append(f"{name} in {where}: {data[max(0, at - 80) : at + 80]!r}")
                break
    return hits


def in_tables(db: Engine) -> list[str]:
    """The canaries in any column of any table; packed bytes are unpacked."""
    hits = []
    for table, column in _columns(db):
        with db.connect() as connection:
            for value in connection.execute(text(f'SELECT "{column}" FROM "{table}"')).scalars():
                for content in _contents(value):
                    hits += found(f"{table}.{column}", content)
    return hits


def _columns(db: Engine) -> list[Any]:
    """All but those of partitions, which the partitioned table shows."""
    query = """
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND NOT a.attisdropped
    """
    with db.connect() as connection:
        return list(connection.execute(text(query)))


def _contents(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes | memoryview):
        yield bytes(value)
        if bytes(value).startswith(b"\x28\xb5\x2f\xfd"):
            yield zstandard.ZstdDecompressor().decompress(bytes(value), max_output_size=10_000_000)
    elif value is not None:
        yield str(value).encode()
        yield json.dumps(value, default=str).encode()


def in_files(*folders: Path) -> list[str]:
    """The canaries in any file below the folders."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    return [hit for path in files for hit in found(path.name, path.read_bytes())]


def in_titles() -> list[str]:
    """The canaries in the command line or title of any process of ours."""
    ours = psutil.Process(os.getpid()).children(recursive=True)
    assert ours
    lines = [(each.pid, Path(f"/proc/{each.pid}/cmdline").read_bytes()) for each in ours if each.is_running()]
    return [hit for pid, line in lines for hit in found(f"title of {pid}", line.replace(b"\0", b" "))]
