"""Faults of the wire: each takes the right response and gives the one that goes out instead."""

import gzip as gz
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Response
from werkzeug.http import http_date

from local.sandbox.api import Api
from local.sandbox.world import World

PAGE = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body><h1>{}</h1></body></html>\n"


class Cut(ConnectionResetError):
    """The server is to reset the connection now."""


@dataclass(frozen=True)
class Scene:
    """What a fault may need beside the response."""

    api: Api
    world: World


def status(
    response: Response,
    scene: Scene,
    *,
    status: int,
    message: str = "",
    retry_after: int | str | None = None,
    retry_after_date: int | None = None,
) -> Response:
    """Another status with the API's error body; Retry-After as given, or as a date so many seconds on."""
    refusal = scene.api.reply(scene.api.error(status, message), status)
    if retry_after is not None:
        refusal.headers["Retry-After"] = str(retry_after)
    if retry_after_date is not None:
        refusal.headers["Retry-After"] = http_date(datetime.now(UTC) + timedelta(seconds=retry_after_date))
    return refusal


def html(response: Response, scene: Scene, *, status: int = 200) -> Response:
    """A page for people, as a CDN sends it, with any status."""
    return Response(PAGE.format(f"Error {status}"), status, content_type="text/html; charset=UTF-8")


def empty(response: Response, scene: Scene) -> Response:
    """No body at all."""
    response.set_data(b"")
    return response


def truncated(response: Response, scene: Scene) -> Response:
    """The first half of the body, sent as if it were all of it."""
    body = response.get_data()
    response.set_data(body[: len(body) // 2])
    return response


def content_type(response: Response, scene: Scene, *, value: str = "text/plain") -> Response:
    """The right body under a wrong name."""
    response.headers["Content-Type"] = value
    return response


def gzip(response: Response, scene: Scene) -> Response:
    """The body compressed, whether the client asked for it or not."""
    response.set_data(gz.compress(response.get_data(), mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    return response


def slow(response: Response, scene: Scene, *, seconds: float) -> Response:
    """Half of the body, a pause, the other half."""
    first, rest = halves(response)

    def parts() -> Iterator[bytes]:
        yield first
        time.sleep(seconds)
        yield rest

    return streamed(response, parts())


def reset(response: Response, scene: Scene) -> Response:
    """Half of the body, then the connection is reset."""
    first, _ = halves(response)

    def parts() -> Iterator[bytes]:
        yield first
        raise Cut("fault: reset")

    return streamed(response, parts())


def halves(response: Response) -> tuple[bytes, bytes]:
    """The body in two parts."""
    body = response.get_data()
    return body[: len(body) // 2], body[len(body) // 2 :]


def streamed(response: Response, parts: Iterator[bytes]) -> Response:
    """The response with its parts sent one by one under the length of the whole body."""
    length = len(response.get_data())
    response.response = parts
    response.headers["Content-Length"] = str(length)
    return response


def tick(response: Response, scene: Scene) -> Response:
    """The right response; after it the world moves, so that the next page is cut from another order."""
    scene.world.tick()
    return response
