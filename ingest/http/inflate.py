"""Decompression in pieces, with a cap on what comes out: a bomb of a few kilobytes stays small."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import structlog

PIECE = 256 * 1024
GZIP, ZLIB, RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
GZIP_START = b"\x1f\x8b"

log = structlog.get_logger()


class BadCompression(ValueError):
    """The compressed data are damaged or end too early."""


class TooLarge(ValueError):
    """More came out than is allowed."""


class _Inflater(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def capped(pieces: Iterable[bytes], *, most: int) -> Iterator[bytes]:
    """The pieces, as long as they are no more than `most` bytes. Raises TooLarge."""
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > most:
            raise TooLarge(f"is larger than {most} bytes")
        yield piece


def gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress gzip, member after member. Raises BadCompression, also when the end is missing.

    What follows the last member and is none itself is left out with a warning, as gzip(1) does.
    """
    inflater: _Inflater | None = None
    members, rest = 0, b""
    for piece in pieces:
        data = rest + piece
        rest = b""
        while data:
            if inflater is None:
                # Some writers pad with zeros.
                data = data.lstrip(b"\x00") if members else data
                if members and not data.startswith(GZIP_START):
                    if GZIP_START.startswith(data):
                        rest = data  # nothing, or half of a member's first two bytes
                        break
                    log.warning("gzip trailing garbage ignored", members=members)
                    return
                inflater, members = zlib.decompressobj(GZIP), members + 1
            yield from _decompressed(inflater, data)
            data = inflater.unused_data
            if inflater.eof:
                inflater = None
    if inflater is not None:
        raise BadCompression("the gzip data end too early")


def inflate(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress HTTP's deflate: zlib by the standard, raw as some servers send it. Raises BadCompression."""
    inflater: _Inflater | None = None
    for piece in pieces:
        if inflater is None:
            inflater = zlib.decompressobj(ZLIB if piece[:1] == b"\x78" else RAW)
        yield from _decompressed(inflater, piece)
    if inflater is not None and not inflater.eof:
        raise BadCompression("the deflate data end too early")


def _decompressed(inflater: _Inflater, data: bytes) -> Iterator[bytes]:
    try:
        while data and not inflater.eof:
            yield inflater.decompress(data, PIECE)
            data = inflater.unconsumed_tail
    except zlib.error as error:
        raise BadCompression(f"cannot be decompressed: {error}") from error
