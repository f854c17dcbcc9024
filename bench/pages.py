"""A paged JSON API from memory, fast enough to stay out of the way: `python -m bench.pages FILE PORT`.

GET /coins?page=N answers the N-th thousand of the file's records, an empty list behind the last.
`latency=50` holds each answer back for 50 ms, `last=N` lets the list end with page N. Replies are rendered
once, before the first request; requests of one connection may be pipelined.
"""

import asyncio
import re
import sys
from itertools import islice
from pathlib import Path

RECORDS = 1_000
PARAMETER = re.compile(rb"[?&](page|latency|last)=([0-9]+)")


def reply(body: bytes) -> bytes:
    """A whole reply, head and body."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def rendered(path: Path) -> list[bytes]:
    """All replies that hold records."""
    pages = []
    with path.open("rb") as file:
        while lines := [line.rstrip() for line in islice(file, RECORDS)]:
            pages.append(reply(b"[" + b",".join(lines) + b"]"))
    return pages


class Connection(asyncio.Protocol):
    """One client; the connection stays open until it goes."""

    def __init__(self, pages: list[bytes]) -> None:
        """Serve these replies."""
        self.pages = pages
        self.empty = reply(b"[]")
        self.unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: a client is there."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: answer each request that is complete; a GET has no body."""
        *requests, self.unread = (self.unread + data).split(b"\r\n\r\n")
        for request in requests:
            asked = {name: int(value) for name, value in PARAMETER.findall(request.split(b"\r\n", 1)[0])}
            self.answer(asked)

    def answer(self, asked: dict[bytes, int]) -> None:
        """Send the page now, or when its latency is over."""
        number = asked.get(b"page", 1)
        last = min(asked.get(b"last", len(self.pages)), len(self.pages))
        body = self.pages[number - 1] if 1 <= number <= last else self.empty
        asyncio.get_running_loop().call_later(asked.get(b"latency", 0) / 1000, self.transport.write, body)


async def serve(pages: list[bytes], port: int) -> None:
    """Listen until the process is told to end."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(pages), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(rendered(Path(sys.argv[1])), int(sys.argv[2])))
