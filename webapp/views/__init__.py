"""The endpoints, one module a noun. A view is decorators, one query or one call, and a reply."""

from flask import Blueprint as PlainBlueprint

from ingest.declared import Catalog
from webapp.arguments import Blueprint
from webapp.item_query import ItemQueries
from webapp.views import docs, health, metrics, rejects, runs, sources, stats
from webapp.views.data import data_blueprint


def described(catalog: Catalog) -> list[Blueprint]:
    """The blueprints that OpenAPI describes."""
    modules = (runs, rejects, sources, stats, health, metrics)
    return [data_blueprint(ItemQueries(catalog)), *(module.blp for module in modules)]


def plain() -> list[PlainBlueprint]:
    """The pages for people."""
    return [docs.pages]
