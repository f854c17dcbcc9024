"""What may be shown of URLs and replies: no credential ever, and nothing that does not print."""

import json
import re
from collections.abc import Collection
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

MASK = "***"
SHOWN = 200
LONGEST = 300
SECRET_NAME = re.compile(
    r"(key|token|signature|sig|auth|authorization|credentials?|pwd|pass)$|secret|password|passwd",
    re.IGNORECASE,
)
# The tokens of paginators are no secrets, and one wants to see them.
PAGE_TOKEN = re.compile(r"^(next|page|continuation|cursor|sync)[_-]?(page)?[_-]?token$", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """True for the names that query parameters and headers with credentials usually have."""
    return bool(SECRET_NAME.search(name)) and not PAGE_TOKEN.match(name)


def redact(url: str, secrets: Collection[str] = ()) -> str:
    """The URL without user info, with the values of secret parameters masked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(a URL that cannot be read)"
    query = [
        (name, MASK if looks_secret(name) or value in secrets else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    host = parts.netloc.rpartition("@")[2]
    return without(urlunsplit((parts.scheme, host, parts.path, urlencode(query, safe="*,:/"), "")), secrets)


def without(text: str, secrets: Collection[str]) -> str:
    """The text with every secret masked, also where it stands encoded for a URL or in JSON."""
    forms = {form for secret in secrets for form in _forms(secret)} - {""}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> set[str]:
    """How a secret may be written."""
    text = str(secret)
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    in_json |= {form.replace("/", r"\/") for form in in_json}
    in_url = text.encode("utf-8", "replace")
    return {text, quote(in_url, safe=""), quote_plus(in_url)} | in_json


def tidy(text: str, secrets: Collection[str] = (), *, most: int = LONGEST) -> str:
    """Text that an upstream had a part in, as a message shows it: no secret, one printable line, cut."""
    # A secret must not be cut before it is masked.
    masked = without(text[: 16 * most], secrets)
    printable = "".join(letter if letter.isprintable() else " " for letter in masked)
    return " ".join(printable.split())[:most]


def excerpt(body: bytes, secrets: Collection[str] = ()) -> str:
    """The first characters of a reply, on one line, as an error message shows them."""
    return tidy(body[: 16 * SHOWN].decode("utf-8", "backslashreplace"), secrets, most=SHOWN)
