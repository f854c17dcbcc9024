"""The paths under `/_sandbox` that steer a stand-in and read its log. They are neither logged nor limited."""

from collections import Counter

from flask import Blueprint, Response, current_app, jsonify, request

from local.sandbox.faults import BadPlan

ADMIN = "/_sandbox"
admin = Blueprint("sandbox", __name__)


@admin.get("/faults")
def show_faults() -> Response:
    """The fault plan as it stands."""
    return jsonify(current_app.config["PLAN"].show())


@admin.put("/faults")
def set_faults() -> Response:
    """Replace the fault plan by the JSON list in the body."""
    steps = request.get_json(force=True)
    if not isinstance(steps, list):
        raise BadPlan("a fault plan is a list of steps")
    current_app.config["PLAN"].set(steps)
    return show_faults()


@admin.delete("/faults")
def clear_faults() -> Response:
    """No more faults."""
    current_app.config["PLAN"].set([])
    return show_faults()


@admin.get("/requests")
def show_requests() -> Response:
    """The request log, oldest first."""
    return jsonify(current_app.config["LOG"].entries())


@admin.delete("/requests")
def clear_requests() -> Response:
    """Begin a new request log."""
    current_app.config["LOG"].clear()
    return show_requests()


@admin.post("/tick")
def tick() -> Response:
    """Let the world move on by one tick."""
    current_app.config["WORLD"].tick()
    return show_world()


@admin.get("/world")
def show_world() -> Response:
    """A summary of the world; equal digests mean equal worlds."""
    world = current_app.config["WORLD"]
    symbols = Counter(coin.symbol for coin in world.active)
    return jsonify(
        seed=world.seed,
        size=world.size,
        ticks=world.ticks,
        now=world.now.isoformat(),
        active=len(world.active),
        shared_symbols=sum(1 for users in symbols.values() if users > 1),
        digest=world.digest(),
    )
