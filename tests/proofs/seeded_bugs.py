"""Does the net catch fish? One small fault at a time in a copy of the project: `make seeded-bugs`.

The tests that a bug names must pass without it and fail with it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ingest.settings import ROOT
from tests.kit.verdict import Verdict
from tests.proofs.bugs import BUGS, Bug

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".data", ".env", "__pycache__", "out", ".*_cache", ".hypothesis"
)
PASSED, FAILED = 0, 1


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the project in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="kasparro-bugs-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        yield copy


@contextmanager
def seeded(copy: Path, bug: Bug) -> Iterator[None]:
    """The bug is in the copy. Raises ValueError when its place is not to be found once."""
    place = copy / bug.file
    text = place.read_text()
    if text.count(bug.right) != 1:
        raise ValueError(
            f"{bug.file} holds {bug.right!r} {text.count(bug.right)} times: tell tests/proofs/bugs.py"
        )
    place.write_text(text.replace(bug.right, bug.wrong))
    try:
        yield
    finally:
        place.write_text(text)


def run_tests(copy: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """pytest in the copy, up to the first failure. Nothing is cached: two versions may be of one second."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", *tests]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    return subprocess.run(
        command, cwd=copy, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def escapes(copy: Path, bug: Bug) -> list[str]:
    """Why the bug counts as not caught."""
    try:
        with seeded(copy, bug):
            done = run_tests(copy, bug.tests)
    except ValueError as error:
        return [str(error)]
    if done.returncode == FAILED:
        return []
    return [f"{' '.join(bug.tests)} passed" if done.returncode == PASSED else done.stdout[-2000:]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed the bugs one by one; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="bugs whose name holds this")
    bugs = [bug for bug in BUGS if parser.parse_args(arguments).only in bug.name]
    verdict = Verdict("seeded bugs")
    with copied() as copy:
        sound = run_tests(copy, sorted({test for bug in bugs for test in bug.tests}))
        verdict.case("without a bug all pass", [] if sound.returncode == PASSED else [sound.stdout[-2000:]])
        for bug in bugs:
            verdict.case(f"caught: {bug.name}", escapes(copy, bug))
    return verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
