"""Files below one root: which match, how they are opened, and what is in them.

Names come from the catalogue, but what stands at them may be anybody's, and may change at any moment: no
link below the root is followed, wherever it leads, and nothing but regular files is read.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ingest.errors import SourceBroken
from ingest.http.inflate import BadCompression, TooLarge, capped, gunzip

PIECE = 256 * 1024
# Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
REASONS = {
    errno.ELOOP: "is a symbolic link",
    errno.ENOTDIR: "is below a symbolic link, or below what is no folder",
    errno.ENXIO: "is not a regular file",  # a socket, or a device that nobody drives
}


def matching(root: Path, pattern: str) -> list[str]:
    """Names, relative to the root, of all files that match, sorted. Raises SourceBroken when none does."""
    names = sorted(found.relative_to(root).as_posix() for found in root.glob(pattern) if not found.is_dir())
    if not names:
        raise SourceBroken(f"no file matches {pattern} below FILES_ROOT", kind="file")
    return names


@contextmanager
def opened(root: Path, name: str) -> Iterator[BinaryIO]:
    """The file, open for reading. Raises SourceBroken for links, devices and what is out of the root."""
    if not name.isprintable():
        raise SourceBroken(f"{name!a}: is not a name that can be kept; rename the file", kind="file")
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise SourceBroken(f"{name}: leads out of FILES_ROOT", kind="file")
    with _translated(name):
        descriptor = _descriptor(root, path.parts)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise SourceBroken(f"{name}: is not a regular file", kind="file")
        with open(descriptor, "rb", buffering=0) as file:
            yield file


def _descriptor(root: Path, parts: Sequence[str]) -> int:
    """Walk down from the root, each step from the folder that the step before opened.

    A path that was checked and then opened as a whole could be another one by then.
    """
    *folders, last = parts
    folder = os.open(root, FOLDER)
    try:
        for part in folders:
            above, folder = folder, os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(above)
        return os.open(last, FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceBroken(f"{name}: {REASONS.get(error.errno or 0, error.strerror)}", kind="file") from error
    except (BadCompression, TooLarge) as error:
        raise SourceBroken(f"{name}: {error}", kind="file") from error


def is_gzip(name: str, compression: str) -> bool:
    """Whether the file is to be decompressed: as declared, or as its name says."""
    return compression == "gzip" or (compression == "auto" and name.endswith(".gz"))


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
