"""How each peer is called. What was tried before these settings is told in docs/benchmarks.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.content import TYPES
from bench.peers import HERE, Load, Peer

NO_TLS = "?sslmode=disable"
DECIMALS = {"price": 6, "market_cap": 2, "volume": 2}
SINGER = {
    "use_copy": True,
    "batch_size_rows": 100_000,
    "validate_records": False,
    "add_record_metadata": False,
    "flattening_enabled": False,
    "activate_version": False,
    "default_target_schema": "public",
}
SINGER_TYPES = {
    "text": {"type": ["string", "null"]},
    "numeric": {"type": ["number", "null"]},
    "bigint": {"type": ["integer", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "timestamptz": {"type": ["string", "null"], "format": "date-time"},
}


def dlt(form: str, load: Load) -> tuple[str, ...]:
    """Our script for dlt, in dlt's own environment."""
    script = str(HERE / "dlt_load.py")
    return (str(load.bin / "python"), script, form, load.url, str(load.csv), str(load.work))


def pandas(load: Load) -> tuple[str, ...]:
    """Our script for pandas, in its own environment."""
    return (str(load.bin / "python"), str(HERE / "pandas_load.py"), load.url, str(load.csv))


def ingestr(load: Load) -> tuple[str, ...]:
    """One command, types declared, no inference."""
    types = TYPES | {"updated_at": "timestamp"}
    declared = ",".join(f"{name}:{_sized(name, kind, 38)}" for name, kind in types.items())
    options = {
        "source-uri": f"csv://{load.csv}",
        "source-table": "coins",
        "dest-uri": load.url + NO_TLS,
        "dest-table": "public.coins",
        "incremental-strategy": "merge",
        "primary-key": "id",
        "columns": declared,
        "progress": "log",
        "page-size": "25000",
        "loader-file-size": "25000",
        "extract-parallelism": "5",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return (str(load.bin / "ingestr"), "ingest", *words, "--no-inference", "--no-load-timestamp", "--yes")


def sling(load: Load) -> tuple[str, ...]:
    """A replication file, in which the types keep their order; on the command line they lose it.

    YAML reads JSON.
    """
    types = TYPES | {"is_active": "bool", "updated_at": "timestampz"}
    stream = {
        "object": "public.coins",
        "mode": "incremental",
        "primary_key": ["id"],
        "columns": {name: _sized(name, kind, 24) for name, kind in types.items()},
        # By default the symbol NULL would be none.
        "source_options": {"null_if": "\\N"},
        "target_options": {"use_bulk": True, "table_keys": {"unique": ["id"]}},
    }
    load.work.mkdir(exist_ok=True)
    file = load.work / f"{load.csv.stem}.json"
    replication = {"source": "LOCAL", "target": "BENCH", "streams": {f"file://{load.csv}": stream}}
    file.write_text(json.dumps(replication))
    binary = next(load.bin.parent.glob("lib/*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
    target = f"BENCH={load.url}{NO_TLS}"
    return ("env", target, f"SLING_HOME_DIR={load.work}", str(binary), "run", "-r", str(file))


def singer(load: Load) -> tuple[str, ...]:
    """The target alone, on messages that were written before: a tap would only slow it down."""
    messages = load.jsonl.with_suffix(".singer")
    if not messages.exists():
        with messages.open("w") as file:
            file.writelines(_messages(load.jsonl))
    load.work.mkdir(exist_ok=True)
    config, parts = load.work / "singer.json", urlsplit(load.url)
    url = parts._replace(scheme="postgresql+psycopg").geturl()
    config.write_text(json.dumps(SINGER | {"sqlalchemy_url": url}))
    target = str(load.bin / "target-postgres")
    return (target, "--config", str(config), "--input", str(messages))


def _messages(jsonl: Path) -> Iterator[str]:
    schema = {"type": "object", "properties": {name: SINGER_TYPES[kind] for name, kind in TYPES.items()}}
    described = {"type": "SCHEMA", "stream": "coins", "schema": schema, "key_properties": ["id"]}
    yield json.dumps(described) + "\n"
    with jsonl.open() as file:
        for line in file:
            yield f'{{"type":"RECORD","stream":"coins","record":{line.rstrip()}}}\n'


def _sized(name: str, kind: str, digits: int) -> str:
    return f"decimal({digits},{DECIMALS[name]})" if name in DECIMALS else kind


PEERS = (
    Peer("dlt arrow", "dlt", "bench.coins", lambda load: dlt("arrow", load)),
    Peer("dlt objects", "dlt", "bench.coins", lambda load: dlt("objects", load)),
    Peer("ingestr", "ingestr", "public.coins", ingestr, {"INGESTR_DISABLE_TELEMETRY": "true"}),
    Peer("sling", "sling", "public.coins", sling, {"SLING_DISABLE_TELEMETRY": "TRUE"}),
    Peer("pandas", "pandas", "public.coins", pandas),
    Peer("Singer target", "singer", "public.coins", singer),
)
