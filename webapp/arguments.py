"""Arguments of requests, read strictly: whatever is not known by name is refused by name."""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import flask_smorest
import orjson
from flask import Request, abort
from marshmallow import Schema, ValidationError, pre_load
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from webapp.caps import body_of


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that the given one probably means."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def hint(name: str, known: Iterable[str]) -> str:
    """What an error about an unknown name adds: the one probably meant, or all that are known."""
    known = list(known)
    meant = nearest(name, known)
    return f"Did you mean {meant}?" if meant else f"Known are: {', '.join(known)}."


class Query(Schema):
    """Base of all query strings: unknown and repeated parameters are errors, not noise."""

    # Whether it takes the parameters as they came, and gives them to other schemas.
    only_passes_on = False

    @pre_load
    def refuse_strangers(self, data: Any, **kwargs: Any) -> Any:
        """Refuse parameters that would be ignored."""
        problems = {
            name: [f"Unknown parameter. {hint(name, self.declared_fields)}"]
            for name in data
            if name not in self.declared_fields
        }
        for name in set(data) - set(problems) - data.multiple_keys:
            if len(data.data.getlist(name)) > 1:
                problems[name] = ["Given more than once."]
        if problems:
            raise ValidationError(problems)
        return data


class StrictParser(FlaskParser):
    """Reads query strings, and JSON bodies; what is not JSON is refused, not taken for an empty body."""

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Return the parameters, as the schema takes them."""
        only_passes_on = getattr(schema, "only_passes_on", False)
        return req.args if only_passes_on else super().load_querystring(req, schema)

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body, or `missing` where there is none."""
        body = body_of(req)
        if not body:
            return missing
        if not req.is_json:
            abort(415, "The body must be JSON: send Content-Type: application/json.")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            self._refuse(str(error))

    def _refuse(self, reason: str) -> NoReturn:
        flask_smorest.abort(422, errors={"json": [f"The body is not JSON: {reason}"]})


class Blueprint(flask_smorest.Blueprint):
    """A blueprint whose arguments are read strictly."""

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, schema: type[Schema], **kwargs: Any) -> Callable[..., Any]:
        """Read by one schema for all requests: to make one copies every field."""
        found: Callable[..., Any] = super().arguments(schema(), **kwargs)
        return found
