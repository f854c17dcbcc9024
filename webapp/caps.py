"""How large a request may be, and to whom addressed. These limits hold whatever server stands in front."""

from flask import Flask, Request, request
from werkzeug.exceptions import SecurityError
from werkzeug.routing import RequestRedirect

from webapp.errors import refuse

LARGEST_BODY = 1_048_576
LONGEST_URL = 4096
MOST_PARAMETERS = 100
MOST_HEADERS, LARGEST_HEADERS = 100, 32_768


def register(app: Flask) -> None:
    """Set the limits of the application."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.before_request(_address)
    app.before_request(_measure)


def body_of(asked: Request) -> bytes:
    """The whole body; one that is too large is refused as soon as that shows.

    Werkzeug cuts a chunked body at the limit and says nothing, so one that fills it is taken for larger.
    """
    body = asked.get_data(cache=True)
    if asked.content_length is None and len(body) >= LARGEST_BODY:
        refuse(413, f"The body is larger than {LARGEST_BODY} bytes.")
    return body


def _address() -> None:
    """Refuse names that are not ours, and redirects: they would lead to whatever host the client named."""
    if isinstance(request.routing_exception, SecurityError):
        refuse(400, "Nothing is served here under the name in the Host header.")
    if isinstance(request.routing_exception, RequestRedirect):
        refuse(404, "There is nothing here. Write one slash where there are two.")


def _measure() -> None:
    """Refuse what is too large before anything looks at it."""
    if len(request.full_path) > LONGEST_URL:
        refuse(414, f"The URL is longer than {LONGEST_URL} characters.")
    sizes = [len(name) + len(value) for name, value in request.headers]
    if len(sizes) > MOST_HEADERS or sum(sizes) > LARGEST_HEADERS:
        refuse(431, f"More than {MOST_HEADERS} headers, or more than {LARGEST_HEADERS} bytes of them.")
    if sum(1 for _ in request.args.items(multi=True)) > MOST_PARAMETERS:
        refuse(422, f"More than {MOST_PARAMETERS} parameters.")
