"""Faults of the values: each changes records of the right response, and leaves all other numbers exact."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flask import Response

from local.sandbox.damage import Scene
from local.sandbox.text import decode, plain


def drift(response: Response, scene: Scene, *, fields: list[str] | None = None, first: int = 0) -> Response:
    """Numbers become text; a text that is named becomes a number, its length."""

    def other(value: Any) -> Any:
        if isinstance(value, str):
            return len(value) if fields else value
        if isinstance(value, bool) or value is None:
            return value
        return plain(Decimal(value))

    return edited(response, scene, first, lambda record: each_field(record, fields, other))


def nulls(response: Response, scene: Scene, *, fields: list[str], first: int = 0) -> Response:
    """The named fields are null."""
    return edited(response, scene, first, lambda record: each_field(record, fields, lambda value: None))


def nan(
    response: Response, scene: Scene, *, fields: list[str], value: str = "NaN", first: int = 0
) -> Response:
    """The named fields hold a text like NaN, Infinity, N/A or a dash."""
    return edited(response, scene, first, lambda record: each_field(record, fields, lambda _: value))


def rename(response: Response, scene: Scene, *, field: str, to: str, first: int = 0) -> Response:
    """A field appears under another name, wherever it stands in a record."""

    def renamed(record: Any) -> Any:
        if not isinstance(record, dict):
            return record
        return {to if name == field else name: renamed(value) for name, value in record.items()}

    return edited(response, scene, first, renamed)


def extra(response: Response, scene: Scene, *, records: list[Any] | None = None) -> Response:
    """Bad records behind the good ones of a list; a reply that is no list stays as it is."""
    payload = decode(response.get_data())
    if not isinstance(payload, list):
        return response
    bad = [{}, {"id": None, "name": None}, "text", 42, None, []] if records is None else records
    return scene.api.reply([*payload, *bad], response.status_code)


def edited(response: Response, scene: Scene, first: int, change: Callable[[Any], Any]) -> Response:
    """The response with `change` done to its first records, or to all when `first` is 0."""
    payload = decode(response.get_data())
    if not isinstance(payload, list):
        return scene.api.reply(change(payload), response.status_code)
    upto = first or len(payload)
    return scene.api.reply([*map(change, payload[:upto]), *payload[upto:]], response.status_code)


def each_field(record: Any, fields: list[str] | None, change: Callable[[Any], Any]) -> Any:
    """The record with the named plain fields changed at any depth; all plain fields when none is named."""
    if not isinstance(record, dict):
        return record
    return {
        name: each_field(value, fields, change)
        if isinstance(value, dict)
        else (change(value) if fields is None or name in fields else value)
        for name, value in record.items()
    }
