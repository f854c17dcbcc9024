"""The search for canaries finds them, and the catalogue refuses addresses in which nothing could hide one."""

import base64
import json
import subprocess
import sys
from urllib.parse import quote

import pytest

from ingest.catalog import load
from ingest.errors import ConfigInvalid
from tests.faults import canaries
from tests.faults.canaries import EVERY


@pytest.mark.parametrize("url", ["http://me:${KEY}@a.io/x", "http://a.io/x?k=${KEY}"])
def test_address_holds_no_credential(tmp_path, url):
    """Where nothing could hide it a reference is refused, and its value is not repeated."""
    for folder in ("datasets", "sources"):
        (tmp_path / folder).mkdir()
    (tmp_path / "datasets/things.yaml").write_text("fields: {name: {type: string}}")
    source = {"dataset": "things", "kind": "http_json", "options": {"url": url}, "key": "id"}
    (tmp_path / "sources/shop.yaml").write_text(json.dumps(source | {"fields": {"name": "name"}}))

    with pytest.raises(ConfigInvalid, match="auth") as caught:
        load(tmp_path, {"KEY": EVERY["in_path"]}, files_root=tmp_path)

    assert canaries.found("the message", str(caught.value)) == []


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "write", [str, quote, lambda secret: base64.b64encode(f"me:{secret}".encode()).decode(), json.dumps]
)
def test_search_finds(name, write):
    """Each canary, in each form in which it may be written."""
    assert [hit.split(" in ")[0] for hit in canaries.found("here", f"before {write(EVERY[name])} after")] == [
        name
    ]


def test_search_reads_titles():
    command = [sys.executable, "-c", "input()", EVERY["echoed"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert [hit.split(" in ")[0] for hit in canaries.in_titles()] == ["echoed"]
        process.communicate(b"\n")
