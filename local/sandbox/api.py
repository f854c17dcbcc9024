"""What the two APIs differ in, apart from their routes: errors, keys, limits and how numbers look."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Request, Response, current_app

from local.sandbox.coin import DIGITS
from local.sandbox.text import Number, encode
from local.sandbox.world import World


class Refused(Exception):
    """The call is answered with an error: in the API's usual body for the status, or in a given one."""

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        body: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message or f"status {status}")
        self.status, self.message = status, message
        self.body, self.retry_after = body, retry_after


@dataclass(frozen=True)
class Api:
    """One upstream API: where it lives, how it writes errors and numbers, which keys and limits it has."""

    name: str
    base: str
    port: int
    routes: Blueprint
    number: Number
    error: Callable[[int, str], dict[str, Any]]
    sent_key: Callable[[Request], str | None]
    check_key: Callable[[Request, str], None]
    limit: int
    window: float
    says_when: bool
    json_type: str

    def reply(self, payload: Any, status: int = 200) -> Response:
        """The payload as this API's JSON, numbers exact."""
        return Response(encode(payload, self.number), status, content_type=self.json_type)


def world() -> World:
    """The world of the app that answers now."""
    return current_app.config["WORLD"]


def whole(text: str | None, default: int) -> int:
    """The parameter as a positive whole number, or the default when it is missing or senseless."""
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


def stamp(when: datetime, unit: str) -> str:
    """RFC 3339 with a Z, cut to `seconds` or `milliseconds`."""
    return when.isoformat(timespec=unit).replace("+00:00", "Z")


def distance(price: Decimal, mark: Decimal | None) -> Decimal | None:
    """By how many per cent the price is away from the mark, to two places."""
    if not mark:
        return None
    return (DIGITS.divide(price, mark) * 100 - 100).quantize(Decimal("0.01"))
