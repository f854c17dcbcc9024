"""Writes `.env` from `.env.example` with fresh secrets. Standard library only: it runs before any install."""

import os
import re
import secrets
import sys
from pathlib import Path

SECRETS = ("API_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_PASSWORD")


def main(root: Path) -> int:
    """Write the file, unless it is there; 1 when there is no example to start from."""
    example, target = root / ".env.example", root / ".env"
    if not example.exists():
        sys.stderr.write(f"{example} is missing: restore it (git checkout .env.example)\n")
        return 1
    try:
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.stdout.write(f"{target} is there already and stays as it is.\n")
        return 0
    with open(out, "w") as file:
        file.write(filled(example.read_text()))
    sys.stdout.write(
        f"Made {target} with fresh {', '.join(SECRETS)}. Only you can read it; look there for them.\n"
    )
    return 0


def filled(text: str) -> str:
    """The example with a fresh value for every secret, also for one that it has commented out or lacks."""
    for name in SECRETS:
        # Hexadecimal: safe in an address, on a command line and in a compose file.
        line = f"{name}={secrets.token_hex(24)}"
        text, found = re.subn(rf"^(# ?)?{name}=.*$", line, text, count=1, flags=re.MULTILINE)
        text += "" if found else f"{line}\n"
    return text


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
