"""What the tests of kinds share: sources over a scripted upstream or a folder, read page by page."""

import threading
from pathlib import Path

from ingest.declared import Dataset, Mapping, Source
from ingest.decode import decode
from ingest.http import Http
from ingest.http.quota import Quota
from ingest.kinds.csv_file import csv_file
from ingest.kinds.http_json import http_json
from ingest.kinds.jsonl_file import jsonl_file


class Api:
    """An API source with its checkpoint."""

    def __init__(self, server, **options):
        self.server = server
        self.options = {"url": server.url + "/things", "retries": 1} | options
        self.positions = {}

    def pages(self, most=None):
        """Read up to `most` pages, as a run that is then cut short, and move the checkpoint with each."""
        quiet = {"stop": threading.Event(), "base": 0.0, "allow_private": True}
        with Http(Quota("memory://"), longest_wait=5, **quiet) as http:
            return taken(http_json(http, self.positions, **self.options), self.positions, most)

    def asked(self):
        """The query of every request so far."""
        return [asked.query for asked in self.server.journal]


class Folder:
    """A source of files with its checkpoint: JSON lines by that suffix, else CSV."""

    def __init__(self, root: Path, path="*.csv", **options):
        self.root = root
        self.kind = jsonl_file if ".jsonl" in path else csv_file
        self.options = {"root": root, "path": path} | options
        self.positions = {}

    def pages(self, most=None):
        """Read up to `most` pages, as a run that is then cut short, and move the checkpoint with each."""
        return taken(self.kind(None, self.positions, **self.options), self.positions, most)

    def rows(self, most=None):
        """The same, as rows and rejects."""
        return rows(self.pages(most))


def taken(pages, positions, most):
    """Take pages as the pipeline does."""
    found = []
    for page in pages:
        found.append(page)
        if page.position is not None:
            positions[page.part] = page.position
        if len(found) == most:
            break
    pages.close()
    return found


def source(paths, records=None):
    """A source that maps the paths, the first of which is its key."""
    mapping = tuple(Mapping(f"f{number}", path=path) for number, path in enumerate(paths))
    return Source("shop", Dataset("things", ()), "test", (paths[0],), mapping, pull=None, records=records)


def rows(pages):
    """All records of slices: good ones as tuples of text, bad ones as (reason, position)."""
    good, bad = [], []
    for page in pages:
        frame = decode(page, source(page.request.get("header", ["id", "name"])))
        good += frame.cells.rows()
        bad += [(reject.reason, reject.position) for reject in frame.rejects]
        assert frame.records == len(frame.index) + len(frame.rejects)
    return good, bad


def ids(pages):
    """The ids of all records of JSON pages."""
    return [record["id"] for page in pages for record in records(page)]


def records(page):
    """The list of records of a JSON page, wherever a test's upstream puts it."""
    return page.document if isinstance(page.document, list) else page.document["data"]
