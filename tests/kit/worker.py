"""The Celery application of the proofs: the product's own, with the hooks of the kit around it."""

from tasks import app
from tests.kit import hooks

hooks.install()

__all__ = ["app"]
