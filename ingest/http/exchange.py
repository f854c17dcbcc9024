"""One request on the wire and its reply, with limits of time and size; what goes wrong, in our words."""

import time
from contextlib import closing

import requests

from ingest.errors import SourceBroken
from ingest.http import body
from ingest.http.connect import MEND, Adapter, Refused, Resolve
from ingest.http.inflate import TooLarge
from ingest.http.messages import TOO_LATE, BadReply, Hiccup, Reply, Request
from ingest.http.redaction import redact, tidy
from ingest.http.refusals import cause, named
from ingest.http.stop import Stop


class Exchange:
    """The connections of a run, kept from one request to the next. Threads may share them."""

    def __init__(self, *, allow_private: bool, resolve: Resolve) -> None:
        self._allow_private, self._resolve = allow_private, resolve
        self.renew()

    def renew(self) -> None:
        """Send what is asked from here on over new connections.

        Those of before may be in use by other threads; each is closed when nobody holds it any more.
        """
        # Two, so that no request is sent over a connection that was checked less than it must be.
        self._adapters = {
            allowed: Adapter(allow_private=allowed, resolve=self._resolve) for allowed in (False, True)
        }

    def close(self) -> None:
        """Close all connections."""
        for adapter in self._adapters.values():
            adapter.close()

    def ask(self, request: Request, stop: Stop) -> Reply:
        """Send the request once; return whatever came, redirects and refusals too.

        Raises Hiccup, SourceBroken, Stopped.
        """
        deadline = time.monotonic() + request.total_timeout
        with closing(self._sent(request, deadline, stop)) as response:
            return Reply(
                status=response.status_code,
                url=redact(response.url, request.secrets),
                headers=response.headers,
                body=_read(request, response, deadline, stop),
                next=response.links.get("next", {}).get("url"),
            )

    def _sent(self, request: Request, deadline: float, stop: Stop) -> requests.Response:
        allowed = self._allow_private if request.allow_private is None else request.allow_private
        try:
            return self._adapters[allowed].ask(
                request.prepared(),
                connect_timeout=request.connect_timeout,
                read_timeout=request.read_timeout,
                deadline=deadline,
                stop=stop,
            )
        except Refused as error:
            message = f"{named(request)}: {error}. If it is meant to be there: {MEND}"
            raise SourceBroken(message, kind="address") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, ValueError) as error:
            raise SourceBroken(f"{named(request)}: cannot be asked for", kind="request") from error
        except requests.RequestException as error:
            late = time.monotonic() >= deadline
            raise Hiccup(TOO_LATE if late else cause(error, request), kind="network") from None


def _read(request: Request, response: requests.Response, deadline: float, stop: Stop) -> bytes:
    if not response.ok:
        return body.said(response, deadline=deadline, stop=stop)
    try:
        return body.read(response, most=request.max_body, deadline=deadline, stop=stop)
    except TooLarge as error:
        message = f"{named(request)}: the reply {error}; max_body allows no more"
        raise SourceBroken(message, kind="reply") from error
    except BadReply as error:
        problem = tidy(str(error), request.secrets)
        message = f"status {response.status_code}, but the reply {problem}"
        raise Hiccup(message, kind=error.kind) from error
