"""Reading a reply's body: in pieces, against a deadline, with caps before and after decompression."""

import time
from collections.abc import Iterator

import requests
import urllib3

from ingest.errors import Stopped
from ingest.http.inflate import BadCompression, TooLarge, capped, gunzip, inflate
from ingest.http.messages import TOO_LATE, BadReply, Hiccup
from ingest.http.stop import Stop

PIECE = 64 * 1024
# Enough of an error's body to say what the upstream said.
ERROR_BODY = 64 * 1024
DECODERS = {"gzip": gunzip, "x-gzip": gunzip, "deflate": inflate}


def read(response: requests.Response, *, most: int, deadline: float, stop: Stop) -> bytes:
    """Return the decompressed body. `deadline` is a reading of the monotonic clock.

    Raises Hiccup when it breaks off, BadReply when it cannot be decompressed, TooLarge, Stopped.
    """
    pieces = capped(_arriving(response.raw, deadline, stop), most=most)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in DECODERS:
        pieces = capped(DECODERS[encoding](pieces), most=most)
    elif encoding not in ("identity", ""):
        raise BadReply(f"has the content encoding {encoding}, which was not asked for")
    try:
        return b"".join(pieces)
    except BadCompression as error:
        raise BadReply(str(error)) from error


def said(response: requests.Response, *, deadline: float, stop: Stop) -> bytes:
    """What the upstream says of an error; that it cannot be read changes nothing. Raises Stopped."""
    try:
        return read(response, most=ERROR_BODY, deadline=deadline, stop=stop)
    except (TooLarge, Hiccup):
        return b""


def _arriving(raw: urllib3.HTTPResponse, deadline: float, stop: Stop) -> Iterator[bytes]:
    """What has arrived, as soon as it has: a body that trickles must not hide the deadline."""
    while True:
        if stop.is_set():
            raise Stopped("asked to stop while a reply was arriving")
        if time.monotonic() > deadline:
            raise Hiccup(TOO_LATE, kind="network")
        try:
            piece = raw.read1(PIECE, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            late = time.monotonic() >= deadline
            why = TOO_LATE if late else f"the reply broke off: {type(error).__name__}"
            raise Hiccup(why, kind="network") from error
        if not piece:
            return
        yield piece
