"""Connections to sources: a host is resolved once, all its addresses are checked, one is connected to.

Whoever holds a name, or steers a URL, could otherwise have a worker ask what only the worker can reach:
loopback, the network around it, the address where a cloud hands out credentials. To check first and
resolve again for the connection would leave time for another answer (DNS rebinding). The name stays what
TLS verifies and what the Host header says.
"""

import math
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any, ClassVar

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import connection

from ingest.http.address import public
from ingest.http.deadline import Timed, left
from ingest.http.stop import Stop

# A host and a port to the addresses to try, in order.
Resolve = Callable[[str, int], list[str]]
# So many connections to a host are kept for the next request: one for each thread that asks.
MOST_KEPT = 32

MEND = "allow_private: true in the source's options, or the setting ALLOW_PRIVATE=true"


class Refused(Exception):
    """The host is where connections must not go. Where that is meant, MEND is what allows it."""


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises gaierror, and UnicodeError for what cannot be a name."""
    found = socket.getaddrinfo(host, port, connection.allowed_gai_family(), socket.SOCK_STREAM)
    return list(dict.fromkeys(_written(*each[4]) for each in found))


def _written(address: Any, port: Any, flow: Any = 0, scope: Any = 0) -> str:
    return f"{address}%{scope}" if scope else str(address)


def connected(
    host: str,
    port: int,
    *,
    allow_private: bool,
    timeout: float,
    deadline: float = math.inf,
    resolve: Resolve = resolved,
    **options: Any,
) -> socket.socket:
    """A socket to the first address that answers; `timeout` is for each, `deadline` for all of them.

    Raises Refused when any of the addresses is not public, unless private ones are allowed. OSError.
    """
    *others, last = resolve(host, port)
    if not allow_private:
        _check(host, [*others, last])

    def dial(address: str) -> socket.socket:
        return connection.create_connection((address, port), left(deadline, most=timeout), **options)

    for address in others:
        with suppress(OSError):
            return dial(address)
    return dial(last)


def _check(host: str, addresses: list[str]) -> None:
    """One bad address is enough: which of them is connected to is a matter of chance."""
    if bad := next((address for address in addresses if not public(address)), None):
        place = (
            f"{host} is not a public address" if host == bad else f"{host} is at {bad}, which is not public"
        )
        raise Refused(f"{place}; not connected")


class Connection(HTTPConnection):
    """A connection that is made, and read from, as its adapter says."""

    adapter: ClassVar["Adapter"]

    def _new_conn(self) -> socket.socket:
        """The one place where urllib3 makes sockets; its errors, in its words."""
        try:
            return self.adapter.dial(
                self._dns_host,
                self.port,
                timeout=self.timeout,
                source_address=self.source_address,
                socket_options=self.socket_options,
            )
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            message = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, message) from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error

    def response_class(  # type: ignore[override]  # a class there; all that http.client does is call it
        self, sock: socket.socket, **options: Any
    ) -> HTTPResponse:
        """The reply that http.client is about to read from the socket."""
        limits = self.adapter.limits
        timed: Any = Timed(sock, each=self.timeout or math.inf, deadline=limits.deadline, stop=limits.stop)
        return HTTPResponse(timed, **options)


class SecureConnection(Connection, HTTPSConnection):
    """The same with TLS."""


class _Limits(threading.local):
    """What holds for the request that this thread is sending."""

    deadline: float = math.inf
    stop: Stop = threading.Event()


class Adapter(HTTPAdapter):
    """The adapter of requests, whose connections are checked when made, and whose replies have a deadline.

    Several threads may ask at the same time.
    """

    def __init__(self, *, allow_private: bool, resolve: Resolve = resolved) -> None:
        super().__init__(pool_maxsize=MOST_KEPT)
        self.allow_private, self.resolve, self.limits = allow_private, resolve, _Limits()
        self.poolmanager.pool_classes_by_scheme = {
            "http": _made_of(HTTPConnectionPool, Connection, self),
            "https": _made_of(HTTPSConnectionPool, SecureConnection, self),
        }

    def ask(
        self,
        prepared: PreparedRequest,
        *,
        connect_timeout: float,
        read_timeout: float,
        deadline: float,
        stop: Stop,
    ) -> Response:
        """Send the request; return the reply when its head has arrived. Its body has the same deadline."""
        self.limits.deadline, self.limits.stop = deadline, stop
        return self.send(prepared, stream=True, timeout=(connect_timeout, read_timeout))

    def dial(self, host: str, port: int, **options: Any) -> socket.socket:
        """A socket to the host."""
        return connected(
            host,
            port,
            allow_private=self.allow_private,
            deadline=self.limits.deadline,
            resolve=self.resolve,
            **options,
        )


def _made_of(pool: type[HTTPConnectionPool], made_of: type[Connection], adapter: Adapter) -> Any:
    """A class of pools whose connections ask the adapter: urllib3 takes both as classes."""
    connections = type(made_of.__name__, (made_of,), {"adapter": adapter})
    return type(pool.__name__, (pool,), {"ConnectionCls": connections})
