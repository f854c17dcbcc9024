"""Reading a reply's body: in pieces, against a deadline, with caps before and after decompression."""

import threading
import time
from collections.abc import Iterator

import requests
import urllib3

from ingest.errors import Stopped
from ingest.http.inflate import BadCompression, capped, gunzip, inflate
from ingest.http.messages import BadReply, Hiccup

PIECE = 64 * 1024
DECODERS = {"gzip": gunzip, "x-gzip": gunzip, "deflate": inflate}


def read(response: requests.Response, *, most: int, deadline: float, stop: threading.Event) -> bytes:
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


def _arriving(raw: urllib3.HTTPResponse, deadline: float, stop: threading.Event) -> Iterator[bytes]:
    """What has arrived, as soon as it has: a body that trickles must not hide the deadline."""
    while True:
        if stop.is_set():
            raise Stopped("asked to stop while a reply was arriving")
        if time.monotonic() > deadline:
            raise Hiccup("the reply took longer than its total timeout", kind="network")
        try:
            piece = raw.read1(PIECE, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Hiccup(f"the reply broke off: {type(error).__name__}", kind="network") from error
        if not piece:
            return
        yield piece
