"""JSON that is parted and not yet understood: the records of a body as their own texts.

To make Python's values of a body and columns of those takes longer than all that is done to the rows
afterwards, and no other thread of the worker runs meanwhile. msgspec finds where each record begins and ends,
and refuses whatever is no JSON (https://jcristharif.com/msgspec/api.html#raw).
"""

import re
from collections.abc import Sequence

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from ingest.json_text import parse

Texts = Sequence[msgspec.Raw]

PLAIN_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
LIST, OBJECT = msgspec.json.Decoder(list[msgspec.Raw]), msgspec.json.Decoder(dict[str, msgspec.Raw])
# What is wrong with a body, or only unusual: `ingest.json_text` has the last word on it.
UNUSUAL = (msgspec.DecodeError, RecursionError, KeyError, ValueError, TypeError, JMESPathError)


def parted(body: bytes, path: str | None) -> Texts | None:
    """The texts of the elements of the list at the path (None: the whole body), all of them UTF-8 and JSON.

    None where the body must be parsed to tell: it holds no such list, is no JSON, or is unusual.
    """
    try:
        body.decode()
        return LIST.decode(body if path is None else _at(body, path))
    except UNUSUAL:
        return None


def _at(body: bytes, path: str) -> msgspec.Raw:
    """The text at a path of names. Raises one of UNUSUAL, also when a name on the way is there twice."""
    if not PLAIN_PATH.fullmatch(path):
        raise ValueError(path)
    found = msgspec.Raw(body)
    for name in path.split("."):
        found = OBJECT.decode(found)[name]
    around = parse(body.replace(bytes(found), b"[]", 1))
    if jmespath.search(path, around) != []:
        raise ValueError(path)
    return found
