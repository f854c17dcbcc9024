"""Whether a gzip file is what was packed: the checksum that tells stands at its end."""

from collections import deque
from typing import BinaryIO

from ingest.files.opened import content


def check_undamaged(file: BinaryIO, *, most: int) -> None:
    """Decompress the whole file, and stand where it stood before. Raises BadCompression, TooLarge.

    Behind damage anything may come out, and damage may look like an early end: nothing must be loaded
    before the checksum was seen.
    """
    reached = file.tell()
    deque(content(file, gzip=True, most=most), maxlen=0)
    file.seek(reached)
