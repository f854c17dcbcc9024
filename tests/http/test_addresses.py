"""A worker asks what is public, and nothing that only the worker can reach."""

import socket
from contextlib import suppress
from itertools import count

import pytest
from urllib3.util import connection

from ingest.errors import SourceBroken
from ingest.http.address import public
from ingest.http.connect import resolved
from ingest.http.messages import Request
from tests.http import addresses
from tests.http.asking import client, request
from tests.upstream import Play, answer, upstream

PUBLIC = "93.184.215.14"
# What resolvers inside clouds answer; nobody is asked here.
NAMES = {
    "metadata": "169.254.169.254",
    "metadata.google.internal": "169.254.169.254",
    "metadata.google.internal.": "169.254.169.254",
    "metadata.goog": "169.254.169.254",
    "instance-data": "169.254.169.254",
    "instance-data.ec2.internal": "169.254.169.254",
    "169.254.169.254.nip.example": "169.254.169.254",
}
FORBIDDEN = [
    *addresses.LOOPBACK,
    *addresses.LOOPBACK_V6,
    *addresses.MAPPED,
    *addresses.EMBEDDED,
    *addresses.PRIVATE,
    *addresses.METADATA,
    *addresses.RESERVED,
]
V6 = socket.has_dualstack_ipv6()


class Listener:
    """Hears whatever arrives on this machine, at any of its addresses."""

    def __init__(self):
        every = {"family": socket.AF_INET6, "dualstack_ipv6": True} if V6 else {}
        self.socket = socket.create_server(("", 0), **every)
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def heard(self):
        """How many came since the last time."""
        for number in count():
            try:
                self.socket.accept()[0].close()
            except BlockingIOError:
                return number


@pytest.fixture(scope="module")
def listener():
    found = Listener()
    yield found
    found.socket.close()


@pytest.fixture
def dialled(monkeypatch):
    """The public internet: every address that is connected to, each of which leads to `dialled.to`."""

    class Dialled(list):
        to = ("127.0.0.1", 1)

    found, real = Dialled(), connection.create_connection

    def dial(address, *arguments, **options):
        found.append(address[0])
        return real(found.to, *arguments, **options)

    monkeypatch.setattr(connection, "create_connection", dial)
    return found


def answered(host, port):
    """A resolver without a network: names of clouds, localhost, and the C library for what is a number."""
    if host in NAMES:
        return [NAMES[host]]
    if host == "localhost":
        return resolved(host, port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [each[4][0] for each in found]


def answering(*answers):
    """A resolver that gives these lists of addresses, one after the other; the last one for ever."""
    left = list(answers)
    return lambda host, port: left.pop(0) if len(left) > 1 else left[0]


def asked(url, **options):
    """Ask once."""
    with client(**({"allow_private": False, "resolve": answered} | options)) as http:
        return http.fetch(Request(url=url, retries=0, connect_timeout=0.5, read_timeout=0.05))


def refused(url, **options):
    """Ask once, and return how that was refused."""
    with pytest.raises(SourceBroken) as caught:
        asked(url, **options)
    return caught.value


def at(server, name="shop.example"):
    """The server's URL under a name."""
    return server.url.replace("127.0.0.1", name) + "/things"


def place(server):
    """The server's address and port."""
    return "127.0.0.1", int(server.url.rpartition(":")[2])


@pytest.mark.parametrize("host", FORBIDDEN)
def test_is_refused(listener, host):
    error = refused(f"http://{host}:{listener.port}/")

    assert error.kind == "address"
    assert "not public" in str(error) or "not a public address" in str(error)
    assert "ALLOW_PRIVATE=true" in str(error)
    assert listener.heard() == 0


@pytest.mark.parametrize("host", addresses.TRICKS)
def test_trick_leads_nowhere(listener, host):
    """As a declared URL and over https too: how it fails does not matter, that nobody hears of it does."""
    for scheme in ("http", "https"):
        with pytest.raises((SourceBroken, ValueError)):
            asked(f"{scheme}://{host}:{listener.port}/")

    assert listener.heard() == 0


@pytest.mark.parametrize(
    "host", addresses.LOOPBACK + (addresses.LOOPBACK_V6 + addresses.MAPPED if V6 else [])
)
def test_listener_would_hear_it(listener, host):
    """The other half of the proof: with leave to go there each of these forms arrives."""
    refused(f"http://{host}:{listener.port}/", allow_private=True)

    assert listener.heard() == 1


def test_are_enough():
    assert len(set(FORBIDDEN)) >= 150


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255",
        "172.32.0.0", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "169.253.0.1",
        "169.255.0.1", "2606:4700:4700::1111",
        "2a00:1450:4001:800::200e", "2400:cb00::1", "2003::1", "::ffff:8.8.8.8",
        "2002:808:808::1", "64:ff9b::808:808", "2001:0:808:808:0:0:f7f7:f7f7",
    ],
)  # fmt: skip
def test_public_is_public(address):
    assert public(address)


@pytest.mark.parametrize("address", ["fe80::1%2", "2606:4700:4700::1111%2", "fe80::1%eth0"])
def test_address_of_one_link_is_not(address):
    assert not public(address)


def test_connects_to_what_was_checked(dialled):
    """The address goes to the network, the name into the request."""
    with upstream(answer([])) as server:
        dialled.to = place(server)
        asked(at(server), resolve=answering([PUBLIC]))

        assert dialled == [PUBLIC]
        assert server.journal[0].headers["Host"] == at(server).split("/")[2]


def test_second_answer_is_not_asked_for(dialled):
    """DNS rebinding: whoever resolves to check, and again to connect, ends at the second answer."""
    asked_for = []

    def flips(host, port):
        asked_for.append(host)
        return [PUBLIC] if len(asked_for) == 1 else ["127.0.0.1"]

    with upstream(answer([])) as server:
        dialled.to = place(server)
        asked(at(server), resolve=flips)

    assert (asked_for, dialled) == (["shop.example"], [PUBLIC])


def test_system_resolver_is_asked_once(dialled, monkeypatch):
    """The same where the flip is in the system's own resolver."""
    asked_for, real = [], socket.getaddrinfo

    def flips(host, port, *arguments, **options):
        if host != "shop.example":
            return real(host, port, *arguments, **options)
        asked_for.append(host)
        found = PUBLIC if len(asked_for) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port))]

    monkeypatch.setattr(socket, "getaddrinfo", flips)
    with upstream(answer([])) as server:
        dialled.to = place(server)
        asked(at(server), resolve=resolved)

    assert (asked_for, dialled) == (["shop.example"], [PUBLIC])


@pytest.mark.parametrize("closing", ["retry", "redirect", "request"])
def test_new_connection_is_checked_anew(dialled, closing):
    """A retry, a redirect and a next request find the name at another address, and do not go there."""
    first = {
        "retry": answer({}, 503, Connection="close"),
        "redirect": Play(302, headers={"Location": "/again", "Connection": "close"}),
        "request": answer([], Connection="close"),
    }[closing]
    found = answering([PUBLIC], ["127.0.0.1"])
    with upstream(first, answer([])) as server, client(allow_private=False, resolve=found) as http:
        dialled.to = place(server)
        if closing == "request":
            http.fetch(Request(url=at(server)))
        with pytest.raises(SourceBroken, match=r"shop\.example is at 127\.0\.0\.1") as caught:
            http.fetch(Request(url=at(server), retries=1))

        assert caught.value.kind == "address"
        assert dialled == [PUBLIC]
        assert len(server.journal) == 1


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "::1", "fe80::1%2", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_address_refuses(dialled, bad, place):
    found = ["1.1.1.1", "2606:4700::1111"]
    found.insert(place, bad)

    assert refused("http://shop.example/", resolve=answering(found)).kind == "address"
    assert dialled == []


def test_next_address_is_tried(monkeypatch):
    tried, real = [], connection.create_connection
    with upstream(answer([])) as server:

        def dial(address, *arguments, **options):
            tried.append(address[0])
            if address[0] == PUBLIC:
                raise ConnectionRefusedError("refused")
            return real(("127.0.0.1", address[1]), *arguments, **options)

        monkeypatch.setattr(connection, "create_connection", dial)
        assert asked(at(server), resolve=answering([PUBLIC, "1.1.1.1"])).status == 200

    assert tried == [PUBLIC, "1.1.1.1"]


TARGETS = [
    "http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "http://127.0.0.1:{port}/",
    "http://localhost:{port}/", "http://[::1]:{port}/", "http://2130706433:{port}/", "//127.0.0.1:{port}/",
    "///127.0.0.1:{port}/", "http:////127.0.0.1:{port}/", "\\\\127.0.0.1:{port}\\", "http://{here}@127.0.0.1:{port}/",
    "http://me@{here}/", "http://127.0.0.1:{port}#@{here}/", "http://127.0.0.1:{port}\\@{here}/", "https://{here}/",
    "http://{here}.example/", "http://0:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://[::1", "http://{here}0/",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1:{port}/", "http://127.0.0.1:99999999/",
    "http:// 127.0.0.1:{port}/", "\thttp://127.0.0.1:{port}/", "http://127.1:{port}/", "HTTP://LOCALHOST:{port}/",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_a_private_place(listener, status, target):
    """Even where the source itself may be on this machine: it may not choose another place there."""
    with upstream(answer([])) as server, client(resolve=answered) as http:
        here = server.url.removeprefix("http://")
        location = target.format(port=listener.port, here=here)
        server.steps[:] = [Play(status, headers={"Location": location}), answer([])]
        with suppress(SourceBroken):
            http.fetch(request(server, retries=0))

        assert listener.heard() == 0
        assert {each.headers["Host"] for each in server.journal} == {here}


def test_allowed_connects():
    with upstream(answer([])) as server:
        assert asked(server.url, allow_private=True).status == 200
        assert asked(at(server), allow_private=True, resolve=answering(["127.0.0.1"])).status == 200


@pytest.mark.parametrize(
    ("client_allows", "request_allows", "reaches"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_request_has_the_last_word(client_allows, request_allows, reaches):
    with upstream(answer([])) as server, client(allow_private=client_allows) as http:
        with suppress(SourceBroken):
            http.fetch(request(server, retries=0, allow_private=request_allows))

        assert len(server.journal) == (1 if reaches else 0)


def test_open_connection_is_not_lent():
    """One that was made with leave stays open; a request without leave must not go out over it."""
    with upstream(answer([])) as server, client() as http:
        http.fetch(request(server, allow_private=True))
        with pytest.raises(SourceBroken, match="not a public address"):
            http.fetch(request(server, allow_private=False))
        http.fetch(request(server, allow_private=True))

        assert len(server.journal) == 2


def test_tls_names_the_host():
    """The name stays what the server is asked for, and so what its certificate has to hold."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://shop.example:{server.getsockname()[1]}/"
        refused(url, allow_private=True, resolve=answering(["127.0.0.1"]))
        with server.accept()[0] as came:
            hello = came.recv(4096)

    assert hello[:1] == b"\x16"  # a TLS handshake
    assert b"shop.example" in hello
