"""Files below one root: which match, how they are opened, and what is in them.

Names come from the catalogue, but what stands at them may be anybody's: no link is followed out of the
root, and nothing but regular files is opened.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ingest.errors import SourceBroken
from ingest.http.inflate import BadCompression, TooLarge, capped, gunzip

PIECE = 256 * 1024
# Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def matching(root: Path, pattern: str) -> list[str]:
    """Names, relative to the root, of all files that match, sorted. Raises SourceBroken when none does."""
    names = sorted(found.relative_to(root).as_posix() for found in root.glob(pattern) if not found.is_dir())
    if not names:
        raise SourceBroken(f"no file matches {pattern} below FILES_ROOT", kind="file")
    return names


@contextmanager
def opened(root: Path, name: str) -> Iterator[BinaryIO]:
    """The file, open for reading. Raises SourceBroken for links, devices and what is out of the root."""
    inside = os.path.realpath(root)
    folder = os.path.realpath((root / name).parent)
    if os.path.commonpath([inside, folder]) != inside:
        raise SourceBroken(f"{name}: leads out of FILES_ROOT", kind="file")
    if not name.isprintable():
        raise SourceBroken(f"{name!a}: is not a name that can be kept; rename the file", kind="file")
    with _translated(name):
        descriptor = os.open(os.path.join(folder, Path(name).name), FLAGS)
        with open(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SourceBroken(f"{name}: is not a regular file", kind="file")
            yield file


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "is a symbolic link" if error.errno == errno.ELOOP else str(error.strerror)
        raise SourceBroken(f"{name}: {reason}", kind="file") from error
    except (BadCompression, TooLarge) as error:
        raise SourceBroken(f"{name}: {error}", kind="file") from error


def content(file: BinaryIO, *, gzip: bool, most: int) -> Iterator[bytes]:
    """What is in the file, from its start, decompressed to at most that many bytes.

    Raises BadCompression or TooLarge, which `opened` translates.
    """
    file.seek(0)
    pieces = iter(lambda: file.read(PIECE), b"")
    return capped(gunzip(pieces), most=most) if gzip else pieces


def state(file: BinaryIO) -> tuple[int, int]:
    """What changes when somebody writes to the file."""
    now = os.fstat(file.fileno())
    return now.st_size, now.st_mtime_ns
