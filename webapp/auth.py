"""The API key: only from the header, compared in constant time, never written anywhere."""

import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request

from ingest.errors import ConfigInvalid
from ingest.settings import settings
from webapp.errors import refuse

SHORTEST_KEY = 16
MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


def check_key(key: str) -> None:
    """Refuse to start without a key worth the name. Raises ConfigInvalid."""
    if len(key) >= SHORTEST_KEY:
        return
    fault = f"is shorter than {SHORTEST_KEY} characters" if key else "is not set"
    raise ConfigInvalid([f"API_KEY {fault}. Make one with: {MAKE_ONE}"])


def needs_key(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let the view run only for those who send the key in `x-api-key`."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        sent = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(sent.encode(), settings().api_key.encode()):
            refuse(401, "Send the API key in the header x-api-key.", headers={"WWW-Authenticate": "ApiKey"})
        return view(*args, **kwargs)

    return guarded
