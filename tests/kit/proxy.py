"""A TCP proxy before a server: it cuts, delays, trickles, goes dark, and swallows the reply of a COMMIT."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PIECE = 65_536
# A simple query of PostgreSQL's protocol: type Q, length, text, NUL
# (https://www.postgresql.org/docs/current/protocol-message-formats.html).
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


@dataclass
class Weather:
    """What the proxy does to the bytes now; set from any thread."""

    refusing: bool = False  # new connections are closed at once
    dark: bool = False  # nothing passes, nothing is closed
    delay: float = 0.0  # seconds before each piece
    trickle: bool = False  # one byte at a time
    swallow_commits: int = 0  # so many replies of COMMIT are kept back and the connection is cut
    swallowed: int = field(default=0)
    before: tuple[bytes, Callable[[], object]] | None = None  # done once, before a client's words get through


class Proxy:
    """A proxy in a thread of its own. `port` is where to connect instead."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.weather = Weather()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Serve; return when the port is known."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Cut everything and end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self) -> None:
        """Reset every connection that is open now."""
        self._loop.call_soon_threadsafe(self._abort_all)

    def _abort_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._abort_all()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(self, writer, far_writer)
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(pair.ask(reader), pair.answer(far_reader))
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            pair.abort()
            self._open -= {writer, far_writer}


class _Pair:
    """One connection through the proxy: what the client asks, and what the server answers."""

    def __init__(self, proxy: Proxy, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.proxy, self.near, self.far = proxy, near, far
        self.swallowing = False

    async def ask(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(PIECE):
            weather = self.proxy.weather
            if weather.before is not None and weather.before[0] in data:
                (_, do), weather.before = weather.before, None
                do()
            if weather.swallow_commits > 0 and data.endswith(COMMIT):
                weather.swallow_commits -= 1
                self.swallowing = True
            await self._pass(data, self.far)
        self.abort()

    async def answer(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(PIECE):
            if self.swallowing:
                self.proxy.weather.swallowed += 1
                break
            await self._pass(data, self.near)
        self.abort()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        weather = self.proxy.weather
        while weather.dark:
            await asyncio.sleep(0.02)
        pieces = [data[i : i + 1] for i in range(len(data))] if weather.trickle else [data]
        for piece in pieces:
            if weather.delay:
                await asyncio.sleep(weather.delay)
            writer.write(piece)
            await writer.drain()

    def abort(self) -> None:
        """Reset both sides: what one of them has lost, the other must not wait for."""
        self.near.transport.abort()
        self.far.transport.abort()


@contextmanager
def proxied(host: str, port: int) -> Iterator[Proxy]:
    """A running proxy before a server."""
    proxy = Proxy(host, port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
