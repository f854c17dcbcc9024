"""The door as it is deployed: a real gunicorn, raw sockets, and clients that mean no good."""

import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psutil
import pytest
import requests

from deploy.worker import MOST_LEAVING
from local.servers import free_port
from tests.conftest import API_KEY, administer
from tests.deploy.test_deploy import ROOT
from tests.servers import Servers

HEAD = b"GET /health/live HTTP/1.1\r\nHost: door\r\n"
# What closing a socket does with it: a reset.
RESET = struct.pack("ii", 1, 0)
POST = b"POST /run-etl HTTP/1.1\r\nHost: door\r\n"
TARGET = b"GET /smuggled HTTP/1.1\r\nHost: door\r\n\r\n"


@dataclass(frozen=True)
class Door:
    """A gunicorn that serves the API."""

    process: subprocess.Popen[bytes]
    port: int

    def ask(self, method: str, path: str, **options: object) -> requests.Response:
        """Ask as a well-behaved client."""
        return requests.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=10, **options)

    def connect(self) -> socket.socket:
        """A connection to do with as one likes."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def raw(self, sent: bytes) -> bytes:
        """All that comes back for these bytes until the connection ends; nothing more is sent."""
        with closing(self.connect()) as client:
            try:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It answered and left before all was said.
            return everything(client)

    def processes(self) -> list[psutil.Process]:
        """The arbiter and its workers."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children()]

    def memory(self) -> int:
        """The bytes that all of them hold."""
        return sum(process.memory_info().rss for process in self.processes())

    def connections(self) -> int:
        """How many connections of clients they hold."""
        found = [one for process in self.processes() for one in process.net_connections("tcp")]
        return sum(one.laddr.port == self.port and one.status != psutil.CONN_LISTEN for one in found)


def everything(client: socket.socket) -> bytes:
    """What comes until the end."""
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def statuses(replies: bytes) -> list[int]:
    """The status of each reply."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", replies)]


@pytest.fixture(scope="module")
def door(started: Servers, template: str) -> Iterator[Door]:
    """gunicorn with the configuration that is deployed."""
    administer(started, f'CREATE DATABASE door TEMPLATE "{template}"')
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.py"]
    environment = os.environ | {
        "DATABASE_URL": started.postgres.url("door"),
        "REDIS_URL": started.redis.url,
        "API_KEY": API_KEY,
        "LOG_LEVEL": "ERROR",
        "FAILED_RATE_LIMIT": "1000000/minute",
    }
    process = subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{port}", "webapp:create_app()"], cwd=ROOT, env=environment
    )
    made = Door(process, port)
    until(lambda: serves(made))
    yield made
    process.terminate()
    process.wait(30)
    administer(started, "DROP DATABASE door WITH (FORCE)")


def serves(door: Door) -> bool:
    """Whether it answers."""
    assert door.process.poll() is None
    try:
        return door.ask("GET", "/health").status_code == 200
    except requests.ConnectionError:
        return False


def until(true: Callable[[], bool]) -> None:
    """Return when it is true; fail when it is not within 20 seconds."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def silent(door: Door) -> socket.socket:
    """A client that says nothing."""
    return door.connect()


def half(door: Door) -> socket.socket:
    """A client that stops in the middle of its head."""
    client = door.connect()
    client.sendall(HEAD + b"X-Slow: ")
    return client


def half_of_the_second(door: Door) -> socket.socket:
    """A client that was answered once, and stops in the middle of its next head."""
    client = door.connect()
    client.sendall(HEAD + b"\r\n")
    assert client.recv(65_536).startswith(b"HTTP/1.1 200")
    client.sendall(HEAD)
    return client


def without_body(door: Door) -> socket.socket:
    """A client without a key that announces a body and does not send it."""
    client = door.connect()
    client.sendall(b"POST /run-etl HTTP/1.1\r\nHost: door\r\nContent-Length: 1000\r\n\r\n{")
    return client


def staying(door: Door) -> socket.socket:
    """A client that asks for the end of the connection and does not hang up."""
    client = door.connect()
    client.sendall(HEAD + b"Connection: close\r\n\r\n")
    return client


@pytest.mark.parametrize("slow", [silent, half, half_of_the_second, without_body, staying])
def test_slow_clients_occupy_nobody(door: Door, slow) -> None:
    """Two hundred of them, sixteen threads: everybody else is served, and they are sent away."""
    with ExitStack() as clients:
        slow_ones = [clients.enter_context(closing(slow(door))) for _ in range(200)]

        began = time.monotonic()
        answers = [door.ask("GET", path).status_code for path in ("/health", "/data?limit=1") * 3]
        took = time.monotonic() - began

        assert answers == [200] * 6
        assert took < 3
        for client in slow_ones:
            everything(client)  # It ends,
        until(lambda: door.connections() == 0)  # also when the client does not hang up.


@contextmanager
def few_descriptors(door: Door) -> Iterator[None]:
    """Let each process of the door have 64 files and sockets at most."""
    before = {process: process.rlimit(psutil.RLIMIT_NOFILE) for process in door.processes()}
    for process, (_, hard) in before.items():
        process.rlimit(psutil.RLIMIT_NOFILE, (64, hard))
    yield
    for process, limits in before.items():
        process.rlimit(psutil.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("slow", [half, staying])
def test_no_descriptor_left_ends_no_worker(door: Door, slow) -> None:
    """Whoever has waited longest makes room for the next one."""
    before = {process.pid for process in door.processes()}

    with few_descriptors(door), ExitStack() as clients:
        for _ in range(200):
            clients.enter_context(closing(slow(door)))
        assert door.ask("GET", "/health/live").status_code == 200

    assert {process.pid for process in door.processes()} == before
    until(lambda: door.connections() == 0)


def test_those_who_leave_are_bounded(door: Door) -> None:
    """A connection that is over counts for nothing, but its socket does."""
    with ExitStack() as clients:
        leaving = [clients.enter_context(closing(staying(door))) for _ in range(4 * MOST_LEAVING)]
        for client in leaving:
            everything(client)

        assert door.connections() <= 2 * MOST_LEAVING  # There are two workers.
    until(lambda: door.connections() == 0)


def test_resets_end_no_worker(door: Door) -> None:
    """Clients that vanish at any point, by RST instead of FIN."""
    before = {process.pid for process in door.processes()}
    large = HEAD + b"X-A: " + b"a" * 40_000

    for sent in (
        b"",
        HEAD,
        HEAD + b"\r\n",
        large,
        without_end(large),
        POST + b"Content-Length: 9\r\n\r\n",
    ) * 50:
        with closing(door.connect()) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.sendall(sent)
    for _ in range(50):
        with closing(staying(door)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            everything(client)

    until(lambda: door.connections() == 0)
    assert {process.pid for process in door.processes()} == before
    assert door.ask("GET", "/health").status_code == 200


def without_end(head: bytes) -> bytes:
    """A first line that goes on and on."""
    return head.replace(b"\r\n", b"")


def test_head_in_many_parts(door: Door) -> None:
    """And the body after it, also in parts that are smaller than those before."""
    head = POST + f"x-api-key: {API_KEY}\r\nContent-Type: application/json\r\n".encode()
    head += b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    with closing(door.connect()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head:
            client.sendall(bytes([byte]))
        assert statuses(client.recv(1000)) == [100]
        client.sendall(b"[]")

        assert statuses(everything(client)) == [422]


def test_requests_in_one_part(door: Door) -> None:
    assert statuses(door.raw((HEAD + b"\r\n") * 3)) == [200, 200, 200]


CHUNKED = b"Transfer-Encoding: chunked\r\n"
# Requests about whose end two servers could disagree; the target is what one of them would take for the next.
AMBIGUOUS = {
    "length and chunked": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + TARGET,
    "chunked and length": POST + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + TARGET,
    "chunked twice": POST + CHUNKED * 2 + b"\r\n0\r\n\r\n" + TARGET,
    "chunked, not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + TARGET,
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + TARGET,
    "quoted": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n' + TARGET,
    "vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + TARGET,
    "blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + TARGET,
    "folded": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + TARGET,
    "NUL in a name": POST + b"Transfer\x00-Encoding: chunked\r\n\r\n0\r\n\r\n" + TARGET,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + TARGET,
    "list of lengths": POST + b"Content-Length: 0, 40\r\n\r\n" + TARGET,
    "signed length": POST + b"Content-Length: +0\r\n\r\n" + TARGET,
    "negative length": POST + b"Content-Length: -1\r\n\r\n" + TARGET,
    "length in letters": POST + b"Content-Length: zero\r\n\r\n" + TARGET,
    "hexadecimal length": POST + b"Content-Length: 0x0\r\n\r\n" + TARGET,
    "chunk size with a sign": POST + CHUNKED + b"\r\n+0\r\n\r\n" + TARGET,
    "chunk size with a prefix": POST + CHUNKED + b"\r\n0x0\r\n\r\n" + TARGET,
    "chunk size with an underscore": POST + CHUNKED + b"\r\n0_0\r\n\r\n" + TARGET,
    "chunk without its end": POST + CHUNKED + b"\r\n1\r\nZ0\r\n\r\n" + TARGET,
    "chunked in HTTP/1.0": POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n" + TARGET,
    "bare line feeds": POST.replace(b"\r", b"") + b"Content-Length: 0\n\n" + TARGET,
    "bare carriage return": POST + b"X-Odd: a\rContent-Length: 40\r\n\r\n" + TARGET,
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_request_is_not_two(door: Door, sent: bytes) -> None:
    """It is refused, or read as the one request that it is by the standard; what follows is never served."""
    replies = door.raw(sent)

    assert b"smuggled" not in replies
    assert len(statuses(replies)) <= 1
    assert all(status in (400, 401, 408, 411, 501) for status in statuses(replies))


KEY = {"x-api-key": API_KEY, "Content-Type": "application/json"}
TOO_LARGE = {
    "announced": ({"data": b" " * 10_000_000, "headers": KEY}, "POST", "/run-etl", 413),
    "chunked": ({"data": iter([b"{}", *[b" " * 65_536] * 32]), "headers": KEY}, "POST", "/run-etl", 413),
    "url": ({}, "GET", "/data?x=" + "a" * 65_536, 414),
    "one header": ({"headers": {"X-Large": "a" * 20_000}}, "GET", "/data", 431),
    "many headers": ({"headers": {f"X-{number}": "1" for number in range(80)}}, "GET", "/data", 431),
    "larger than any": ({"headers": {"X-Large": "a" * 200_000}}, "GET", "/data", 431),
}


@pytest.mark.parametrize(("request_", "method", "path", "status"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_too_large(door: Door, request_: dict, method: str, path: str, status: int) -> None:
    assert door.ask(method, path, **request_).status_code == status


def test_memory_stays_flat(door: Door) -> None:
    before = door.memory()

    for _ in range(20):
        for sent in (b"a" * 1_000_000, HEAD + b"X-A: a\r\n" * 100_000, HEAD + b"X-A: " + b"a" * 1_000_000):
            door.raw(sent)

    assert door.memory() - before < 16 * 1024**2
    assert door.ask("GET", "/health").status_code == 200


def test_endless_body_is_cut(door: Door) -> None:
    """The server answers and leaves; it does not read for as long as somebody sends."""
    head = POST + f"x-api-key: {API_KEY}\r\nContent-Type: application/json\r\n".encode() + CHUNKED
    with closing(door.connect()) as client:
        client.sendall(head + b"\r\n")
        sent = send_until_it_breaks(client, b"10000\r\n" + b" " * 65_536 + b"\r\n")

    assert sent < 64 * 1024**2


def send_until_it_breaks(client: socket.socket, part: bytes) -> int:
    """Send the part again and again; how many bytes went before the other side had left."""
    sent = 0
    try:
        while sent < 10**9:
            client.sendall(part)
            sent += len(part)
    except OSError:
        pass
    return sent


@pytest.mark.parametrize("file", ["Dockerfile", "local/demo.py", "docs/operating.md"])
def test_everybody_serves_so(file: str) -> None:
    """What is proved here holds for the image, the demo, and by hand."""
    shown = re.sub(r'[",]', "", (ROOT / file).read_text())

    assert "gunicorn --config deploy/gunicorn.py" in shown
    assert "--worker-class" not in shown


def test_path_is_what_was_asked_for(door: Door) -> None:
    """gunicorn would believe this header from this machine, where a proxy may stand."""
    assert door.ask("GET", "/x/health/live", headers={"SCRIPT_NAME": "/x"}).status_code == 404


def test_server_does_not_tell_its_version(door: Door) -> None:
    for path in ("/health", "/nothing", "/docs"):
        headers = door.ask("GET", path).headers
        assert not re.search(r"\d", headers["Server"])
        assert not {"X-Powered-By", "Via"} & set(headers)


def test_debugger_is_not_there(door: Door) -> None:
    assert door.ask("GET", "/console").status_code == 404
    assert door.ask("GET", "/data?__debugger__=yes&cmd=resource&f=style.css").status_code == 422


def test_tls_ends_before_the_door() -> None:
    """The worker looks at heads as they come, which TLS hides: it would serve nobody."""
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.py"]
    files = ["--certfile", "README.md", "--keyfile", "README.md"]

    ended = subprocess.run(
        [*command, *files, "--bind", f"127.0.0.1:{free_port()}", "webapp:create_app()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    assert "Error: TLS ends at a proxy in front of the API" in ended.stderr
    assert "Traceback" not in ended.stderr
