"""An API for `bench.scale`: lists of records by city, page by page, each reply after a fixed delay."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

DELAY = 0.05
CITIES, PAGES, RECORDS = 32, 4, 100
ITEMS = CITIES * PAGES * RECORDS


@cache
def body(city: int, page: int) -> bytes:
    """One page of a city's list; behind the last page an empty one."""
    first = (page - 1) * RECORDS
    records = [
        {"id": f"{city}-{number}", "name": f"thing {number}", "price": f"{city}.{number}", "rank": number}
        for number in range(first, first + RECORDS)
    ]
    return json.dumps(records if page <= PAGES else []).encode()


class Handler(BaseHTTPRequestHandler):
    """GET /things?city=1&page=2."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes, and the second would wait for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a page, late."""
        asked = {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}
        time.sleep(DELAY)
        content = body(asked["city"], asked["page"])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def api() -> Iterator[str]:
    """The server's URL, while it serves."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/things"
    finally:
        server.shutdown()
        server.server_close()
