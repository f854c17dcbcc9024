"""A supervisor over stand-ins, as a process of its own, so that a test can interrupt or kill it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from local.servers import Postgres, Redis, free_port
from local.supervisor import Program, Server, Supervisor


def main(folder: Path, plan: dict[str, Any]) -> int:
    """Run what the plan says in the folder, which marks every process of the test."""
    servers: list[Server] = []
    if plan["servers"]:
        servers = [Postgres(folder / "pg", free_port(), durable=False), Redis(folder / "redis", free_port())]
    programs = [
        Program(argv=[sys.executable, "-c", code], env=dict(os.environ), **rest)
        for code, rest in plan["programs"]
    ]
    return Supervisor(
        servers,
        programs,
        logs=folder / "logs",
        console=Console(width=200),
        cwd=folder,
        patience=plan["patience"],
    ).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
