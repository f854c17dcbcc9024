"""What may be shown of URLs and replies: no credential ever, and nothing that does not print."""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

MASK = "***"
SHOWN = 200
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
    """The text with every secret masked, also where it stands URL-encoded."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in {secret, quote(secret, safe=""), quote_plus(secret)} - {""}:
            text = text.replace(form, MASK)
    return text


def excerpt(body: bytes, secrets: Collection[str] = ()) -> str:
    """The first characters of a reply, on one line, as an error message shows them."""
    text = without(body[: 16 * SHOWN].decode("utf-8", "backslashreplace"), secrets)
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:SHOWN]
