"""The documentation page asks no other host, and works without inline scripts."""

import re
from pathlib import Path

from flask.testing import FlaskClient

import webapp

ROOT = Path(webapp.__file__).parent
LINKS = re.compile(r"""(?:src|href|url)\s*[=(:]\s*["']?([^"'\s>)]+)""")


def test_page_links_to_ourselves_only(client: FlaskClient) -> None:
    page = client.get("/docs").text
    links = LINKS.findall(page)

    assert len(links) == 4
    assert all(link.startswith("/static/") for link in links)
    for link in links:
        assert client.get(link, buffered=True).status_code == 200
    assert 'data-spec="/openapi.json"' in page


def test_no_inline_script_or_style(client: FlaskClient) -> None:
    page = client.get("/docs").text

    assert re.findall(r"<script[^>]*>([^<]+)", page) == []
    assert "<style" not in page
    assert "style=" not in page
    assert not re.search(r"\son\w+=", page)


def test_own_files_name_no_host() -> None:
    own = [*ROOT.glob("templates/*"), *(path for path in ROOT.glob("static/*") if path.is_file())]

    assert len(own) == 2
    assert all("//" not in path.read_text().replace("// ", "") for path in own)
    css = (ROOT / "static/vendor/swagger-ui-5.35.0/swagger-ui.css").read_text()
    assert not re.search(r"url\(\s*[\"']?https?:|@import", css)


def test_vendor_files_may_be_kept(client: FlaskClient) -> None:
    vendored = client.get("/static/vendor/swagger-ui-5.35.0/swagger-ui.css", buffered=True)
    own = client.get("/static/docs-init.js", buffered=True)

    assert "immutable" in vendored.headers["Cache-Control"]
    assert "immutable" not in own.headers["Cache-Control"]


def test_index_leads_everywhere(keyed: FlaskClient) -> None:
    for link in keyed.get("/").json["links"].values():
        assert keyed.get(link).status_code == 200
