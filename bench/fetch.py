"""The floor of a paged API: fetching and parsing alone: `python -m bench.fetch URL AHEAD`.

requests and the standard library's json, so many pages at a time; what comes is counted and let go.
"""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import local

import requests

HELD = local()


def records(url: str, number: int) -> int:
    """How many records a page holds."""
    if not hasattr(HELD, "session"):
        HELD.session = requests.Session()
    reply = HELD.session.get(f"{url}&page={number}", timeout=30)
    reply.raise_for_status()
    return len(json.loads(reply.content))


def one_by_one(url: str) -> Iterator[int]:
    """The records of each page, until one is empty."""
    for number in count(1):
        if not (found := records(url, number)):
            return
        yield found


def ahead(url: str, many: int) -> Iterator[int]:
    """The same with so many pages asked for at once."""
    with ThreadPoolExecutor(many) as threads:
        for first in count(1, 4 * many):
            found = list(threads.map(lambda number: records(url, number), range(first, first + 4 * many)))
            yield from found
            if not found[-1]:
                return


def main() -> None:
    """Fetch all and tell the seconds."""
    url, many = sys.argv[1], int(sys.argv[2])
    began = time.perf_counter()
    fetched = sum(ahead(url, many) if many > 1 else one_by_one(url))
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "records": fetched}) + "\n")


if __name__ == "__main__":
    main()
