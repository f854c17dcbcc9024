"""GET /data, GET /data/<id>, GET /data/<id>/raw."""

from collections.abc import Iterable
from typing import Any

from flask import Response, g, request

from webapp import export
from webapp.arguments import Blueprint
from webapp.auth import READ, READERS, needs
from webapp.database import db
from webapp.errors import refuse
from webapp.hooks import latency_ms
from webapp.item_query import ItemQueries, ItemQuery
from webapp.queries import items, provenance
from webapp.replies import REVALIDATE, link_next, listing, objects, page_of
from webapp.schemas.asked import ItemPath, RawPath
from webapp.schemas.items import Item, ItemList, Provenance
from webapp.shapes import Shape
from webapp.written import as_object

ID = "<int(max=9223372036854775807):id>"


def data_blueprint(queries: ItemQueries) -> Blueprint:
    """The blueprint, whose parameters come from the declared datasets."""
    blp = Blueprint("data", __name__, description="Rows of the datasets, and where they came from")

    @blp.route("/data")
    @needs(READERS)
    @blp.arguments(queries.schema(), location="query")
    @blp.response(200, ItemList)
    @blp.alt_response(304, description="Unchanged since the ETag in If-None-Match", success=True)
    @blp.doc(responses=_as_text("text/csv", "application/x-ndjson"))
    def data(query: ItemQuery) -> Response:
        """Rows of a dataset: filtered, sorted, a page at a time, or all as CSV or NDJSON."""
        format = query.asked.get("format") or _accepted()
        return _page(query) if format == "json" else _export(query, format)

    @blp.route(f"/data/{ID}")
    @needs(READERS)
    @blp.arguments(ItemPath, location="query")
    @blp.response(200, Item)
    def item(asked: dict[str, Any], id: int) -> dict[str, Any]:
        """One row with all its columns."""
        row = _found(queries.shape(asked["dataset"]), id)
        return {"data": dict(row._mapping), "request_id": g.request_id, "api_latency_ms": latency_ms()}

    @blp.route(f"/data/{ID}/raw")
    @needs(READ)
    @blp.arguments(RawPath, location="query")
    @blp.response(200, Provenance)
    @blp.alt_response(410, description="The raw page has been pruned")
    @blp.doc(responses=_as_text("application/octet-stream"))
    def raw(asked: dict[str, Any], id: int) -> Any:
        """The record that a row came from, as it was fetched; or, with download=page, its whole page."""
        row = _found(queries.shape(asked["dataset"]), id)
        page = provenance.raw_page(row)
        if page is None:
            refuse(410, f"The raw page {row.raw_id} has been pruned; the row outlives it.", raw_id=row.raw_id)
        return _bytes(page) if "download" in asked else provenance.document(row, page)

    return blp


def _as_text(*media_types: str) -> dict[str, Any]:
    """What OpenAPI says of the forms that a 200 has beside JSON."""
    return {200: {"content": {each: {"schema": {"type": "string"}} for each in media_types}}}


def _accepted() -> str:
    """The format that the Accept header asks for."""
    if not request.accept_mimetypes:
        return "json"
    best = request.accept_mimetypes.best_match(list(export.MEDIA_TYPES.values()))
    if best is None:
        refuse(406, f"Accept one of: {', '.join(export.MEDIA_TYPES.values())}.")
    return {media_type: name for name, media_type in export.MEDIA_TYPES.items()}[best]


def _page(query: ItemQuery) -> Response:
    found = items.page(query, as_object)
    facet = query.asked.get("facet") if query.after is None else None
    extra = {"facet": {"column": facet, "values": items.frequent(query, facet)}} if facet else {}
    total, kind = items.exact_or_estimated(query)
    page = page_of(found, query.limit, query.belongs, count=total, count_kind=kind)
    reply = listing(objects(found.rows), page, **extra)
    reply.headers["Vary"] = "Accept"
    return reply


def _export(query: ItemQuery, format: str) -> Response:
    return _everything(query, format) if query.whole else _part(query, format)


def _everything(query: ItemQuery, format: str) -> Response:
    """All rows as a stream."""
    chunks = items.chunks(query, export.WRITERS[format].form, db.engine)
    reply = _download(query, format, export.started(chunks))
    reply.call_on_close(chunks.close)
    return reply


def _part(query: ItemQuery, format: str) -> Response:
    """One page; its successor is in the Link header."""
    found = items.page(query, export.WRITERS[format].form)
    reply = _download(query, format, [found.rows])
    link_next(reply, page_of(found, query.limit, query.belongs)["next_cursor"])
    return reply


def _download(query: ItemQuery, format: str, chunks: Iterable[export.Chunk]) -> Response:
    body = export.WRITERS[format].write(query, chunks)
    reply = Response(body, content_type=f"{export.MEDIA_TYPES[format]}; charset=utf-8")
    reply.headers["Content-Disposition"] = f"attachment; filename={query.shape.dataset.name}.{format}"
    reply.headers["Cache-Control"] = REVALIDATE
    reply.headers["Vary"] = "Accept"
    return reply


def _found(shape: Shape, id: int) -> Any:
    row = items.one(shape, id)
    if row is None:
        refuse(404, f"There is no row {id} in {shape.dataset.name}.")
    return row


def _bytes(page: Any) -> Response:
    """The page as a download: what others wrote is never shown as a page of ours."""
    response = Response(provenance.body(page), content_type="application/octet-stream")
    name = f"{page.source}-{page.id}.{page.media_type.partition('/')[2] or 'bin'}"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    response.headers["X-Media-Type"] = page.media_type
    response.set_etag(page.sha256.hex())
    return response.make_conditional(request)
