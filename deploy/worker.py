"""The API's gunicorn worker: gthread, but slow clients wait in its poller, where they cost no thread.

gthread itself gives a thread to every connection for as long as its head takes to come, so that sixteen slow
clients occupy two workers with eight threads; and it takes leave of a client in its main loop, where one that
does not hang up stops all the others for two seconds.
"""

import errno
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ

from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

HEAD_END = b"\r\n\r\n"
LARGEST_HEAD = 32_768
HEAD_WITHIN_S = 5.0
LEAVE_WITHIN_S = 2.0
# What is left of a body that nobody read is taken in for this long, lest the reply gets lost with it.
REST_WITHIN_S = 0.02
MOST_DISCARDED = 16_777_216
# Whoever takes leave still has a socket; beyond so many the next one is cut off.
MOST_LEAVING = 256
# How long one waits for each connection that it has before it accepts the next.
COURTESY_S, MOST_COUNTED = 0.000_02, 10
# A body that stops coming, or a reply that nobody reads, gives its thread back after 15 seconds.
STALLED = struct.pack("ll", 15, 0)


class Connection(TConn):
    """A connection that knows how much of the next head was seen, and until when it may wait."""

    def __init__(self, *about: object, leave: Callable[["Connection"], None]) -> None:
        super().__init__(*about)
        self._leave = leave
        self.seen = self.discarded = 0
        self.until: float | None = None
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.sock.setsockopt(socket.SOL_SOCKET, option, STALLED)

    def close(self, graceful: bool = False) -> None:
        """End it; gracefully: when the client has read the reply and hung up, or its time is over."""
        if graceful:
            self._leave(self)
        else:
            super().close()

    def arrived(self) -> str:
        """What has come of the next head: all, some, or too much. One that has ended is left to a thread."""
        self._wake_after(0)
        kept = self.parser.unreader.buf.getvalue() if self.parser else b""
        before, self.seen = self.seen, 0
        try:
            waiting = self.sock.recv(LARGEST_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return "all" if HEAD_END in kept else "some"
        except OSError:
            return "all"
        if HEAD_END in kept + waiting or len(waiting) in (0, before):
            return "all"
        self.seen = len(waiting)
        self._wake_after(self.seen)
        if self.seen < LARGEST_HEAD:
            return "some"
        return "too much" if b"\n" in waiting else "too much of a line"

    def _wake_after(self, many: int) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, many + 1)


class PatientWorker(ThreadWorker):
    """gthread for an address that strangers reach. Every request passes `enqueue_req`, new or kept alive."""

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:
        """Refuse what would serve nobody: heads are looked at as they come, and TLS hides them."""
        if cfg.is_ssl:
            raise RuntimeError("TLS ends at a proxy in front of the API: leave out certfile and keyfile")
        super().check_config(cfg, log)

    def init_process(self) -> None:
        """Know nobody yet."""
        self.leaving: deque[Connection] = deque()
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; that another worker was faster, or that it is gone, does not matter.

        Whoever has many lets the others go first: otherwise the first to wake takes all that come at once,
        and while they stay, its core does the work of two.
        """
        time.sleep(min(self.nr_conns, MOST_COUNTED) * COURTESY_S)
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._make_room()
            return
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, client, address, listener.getsockname(), leave=self._leave))

    def _make_room(self) -> None:
        """Without a descriptor left, whoever has waited longest has waited long enough.

        It is ended after this batch of the poller, in which it may have an event of its own.
        """
        for conn in [*self.leaving, *self.pending_conns][:1]:
            conn.until = time.monotonic()

    def enqueue_req(self, conn: Connection) -> None:
        """Hand a whole head to a thread; let the poller wait for the rest of one."""
        match conn.arrived():
            case "all":
                conn.data_ready, conn.until = True, None
                super().enqueue_req(conn)
            case "some":
                conn.until = conn.until or time.monotonic() + HEAD_WITHIN_S
                self._poll(conn, self.pending_conns, self.on_pending_socket_readable)
            case "too much":
                self._refuse(conn, 431, "Request Header Fields Too Large")
            case _:
                self._refuse(conn, 414, "URI Too Long")

    def _refuse(self, conn: Connection, status: int, phrase: str) -> None:
        with suppress(OSError):  # It may be gone, and what is raised here ends the worker.
            util.write_error(conn.sock, status, phrase, "")
        self.nr_conns -= 1
        self._leave(conn)

    def _poll(self, conn: Connection, among: deque[Connection], readable: Callable[..., None]) -> None:
        conn.sock.setblocking(False)
        among.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(readable, conn))

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Whether the connection goes on: not after a body that was not read and does not come at once.

        Nor after one that is malformed: the reply has been sent, and a second one would be taken for the
        reply to somebody else's request. Where nothing is left to come, no time can run out: the next
        request may be under way.
        """
        if keepalive and getattr(conn.parser.mesg.body.reader, "length", None) == 0:
            return True
        try:
            return keepalive and bool(conn.parser.finish_body(deadline=time.monotonic() + REST_WITHIN_S))
        except (ParseException, OSError):
            return False

    def _leave(self, conn: Connection) -> None:
        """Say that nothing more comes, and let the poller wait until the client has hung up."""
        if len(self.leaving) >= MOST_LEAVING:
            conn.close()
            return
        conn.until = time.monotonic() + LEAVE_WITHIN_S
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._poll(conn, self.leaving, self._discard)
        except OSError:
            conn.close()

    def _discard(self, conn: Connection, client: socket.socket) -> None:
        try:
            some = len(client.recv(65_536))
        except OSError:
            some = 0
        conn.discarded += some
        if not some or conn.discarded > MOST_DISCARDED:
            self._end(conn, self.leaving)

    def murder_pending(self) -> None:
        """End what has waited long enough. gunicorn's name; its loop calls it every second."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.until <= now]:
            self.nr_conns -= 1
            self._end(conn, self.pending_conns)
        for conn in [conn for conn in self.leaving if conn.until <= now]:
            self._end(conn, self.leaving)

    def _end(self, conn: Connection, among: deque[Connection]) -> None:
        among.remove(conn)
        self.poller.unregister(conn.sock)
        conn.close()
