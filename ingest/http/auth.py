"""Credentials of a source: where they go in a request, and how to speak of them without saying them."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.references import REFERENCE, Substituted

Auth = Mapping[str, Any]


def given(auth: Auth | None) -> bool:
    """True when there is a credential to send; an empty one means that none is."""
    return bool(auth) and any((auth or {}).get(name) for name in ("value", "username", "password"))


def headers(auth: Auth | None) -> dict[str, str]:
    """The headers that carry the credential."""
    if auth is None or not given(auth):
        return {}
    match auth["type"]:
        case "header":
            return {auth.get("name", "Authorization"): str(auth["value"])}
        case "bearer":
            return {"Authorization": f"Bearer {auth['value']}"}
        case "basic":
            return {"Authorization": f"Basic {_basic(auth)}"}
    return {}


def params(auth: Auth | None) -> dict[str, str]:
    """The query parameters that carry the credential."""
    if auth is None or auth["type"] != "query" or not given(auth):
        return {}
    return {auth["name"]: str(auth["value"])}


def _basic(auth: Auth) -> str:
    return base64.b64encode(f"{auth['username']}:{auth.get('password', '')}".encode()).decode()


def secrets(auth: Auth | None) -> frozenset[str]:
    """Every text that must not be shown: the credential in the forms in which it travels."""
    if auth is None or not given(auth):
        return frozenset()
    forms = {
        str(auth.get("value", "")),
        str(auth.get("password", "")),
        *substituted([auth.get("value"), auth.get("password")]),
    }
    if auth["type"] == "basic":
        forms.add(_basic(auth))
    return frozenset(forms - {""})


def substituted(value: Any) -> Iterator[str]:
    """The texts inside a value that came from the environment: whole, and what each reference became."""
    if isinstance(value, Substituted):
        yield str(value)
        yield from _referred(value)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from substituted(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from substituted(inner)


def _referred(value: Substituted) -> Iterator[str]:
    """What the references became, as far as the text around them tells."""
    ends = [0, *(end for found in REFERENCE.finditer(value.written) for end in found.span())]
    around = [value.written[first:last] for first, last in zip(ends[::2], [*ends[1::2], None], strict=True)]
    found = re.fullmatch("(.*?)".join(map(re.escape, around)), str(value), re.DOTALL)
    yield from found.groups() if found else ()


def reference(auth: Auth | None) -> str:
    """How an error message names the credential: its environment variables, or else where it was sent."""
    if auth is None:
        return "no credential was sent; the source declares none"
    names = ", ".join(auth.get("reference") or _names(auth)) or _place(auth)
    if given(auth):
        return f"the credential of {names} was sent"
    return f"no credential was sent; {names} is empty"


def _names(auth: Auth) -> list[str]:
    """The environment variables that the file refers to."""
    written = [value.written for value in auth.values() if isinstance(value, Substituted)]
    return [found["name"] for text in written for found in REFERENCE.finditer(text) if found["name"]]


def _place(auth: Auth) -> str:
    if auth["type"] == "query":
        return f"the query parameter {auth['name']}"
    return f"the header {auth.get('name', 'Authorization')}"
