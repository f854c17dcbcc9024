"""The Flask app of one stand-in API: log, keys, limits and faults around its routes, and `/_sandbox`."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from flask import Flask, Response, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException

from local.sandbox import coingecko, coinpaprika
from local.sandbox.admin import ADMIN, admin
from local.sandbox.api import Api, Refused
from local.sandbox.damage import Scene
from local.sandbox.faults import BadPlan, FaultPlan, strike
from local.sandbox.limits import Meter
from local.sandbox.requests_log import RequestLog
from local.sandbox.world import World

APIS = {"coinpaprika": coinpaprika.API, "coingecko": coingecko.API}
NOTICE = "stand-in, not the real API"


def create_app(
    api: Literal["coinpaprika", "coingecko"],
    world: World,
    *,
    limit: int | None = None,
    keys: Sequence[str] = (),
    quota: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> Flask:
    """The app for one API. `limit` None is the API's own; `quota` bounds a caller's calls in all; 0: none."""
    chosen = APIS[api]
    app = Flask(f"sandbox-{api}", static_folder=None)
    app.config.update(API=chosen, WORLD=world, KEYS=tuple(keys), QUOTA=quota)
    app.config.update(LOG=RequestLog(), PLAN=FaultPlan())
    app.config["METER"] = Meter(chosen.limit if limit is None else limit, chosen.window, clock)
    app.register_blueprint(chosen.routes, url_prefix=chosen.base)
    app.register_blueprint(admin, url_prefix=ADMIN)
    app.before_request(admit)
    app.after_request(finish)
    app.register_error_handler(Refused, refusal)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(BadPlan, bad_plan)
    return app


def admit() -> None:
    """Note the call, count it, and refuse it when its key, its quota or its rate is not in order."""
    if request.path.startswith(ADMIN):
        return
    config, api = current_app.config, current_api()
    sent = api.sent_key(request)
    g.key = verdict(sent, config["KEYS"])
    g.entry = config["LOG"].arrived(request, g.key)
    g.steps = config["PLAN"].match(request.path)
    caller = sent if g.key == "right" else request.remote_addr
    wait, g.calls = config["METER"].hit(caller)
    api.check_key(request, g.key)
    if config["QUOTA"] and g.calls > config["QUOTA"]:
        raise Refused(402)
    if wait:
        raise Refused(429, retry_after=wait if api.says_when else None)


def current_api() -> Api:
    """The API that this app stands in for."""
    return current_app.config["API"]


def verdict(sent: str | None, keys: Sequence[str]) -> str:
    """What a key is worth: unchecked when none are listed, else absent, right or wrong."""
    if not keys:
        return "unchecked"
    if sent is None:
        return "absent"
    return "right" if sent in keys else "wrong"


def finish(response: Response) -> Response:
    """Let the planned faults strike, mark the reply as not real, and complete the log."""
    if "entry" in g:
        scene = Scene(current_api(), current_app.config["WORLD"])
        response = strike(response, scene, g.steps)
        names = [step.do for step in g.steps]
        current_app.config["LOG"].answered(g.entry, response.status_code, names)
    response.headers["X-Sandbox"] = NOTICE
    return response


def refusal(refused: Refused) -> Response:
    """A refused call in the API's own words."""
    api = current_api()
    body: Any = refused.body or api.error(refused.status, refused.message)
    response = api.reply(body, refused.status)
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def http_error(error: HTTPException) -> Response:
    """What Flask refuses, such as an unknown path, in the API's own words."""
    status = error.code or 500
    return current_api().reply(current_api().error(status, error.name.lower()), status)


def bad_plan(error: BadPlan) -> tuple[Response, int]:
    """A fault plan that makes no sense is refused with the reason."""
    return jsonify(error=str(error)), 400
