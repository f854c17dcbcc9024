"""The filters of /data: every operator of every type, and what is refused."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ingest.catalog import catalog
from ingest.normalize.fields import TYPES
from tests.web.rows import TOKEN
from webapp.filters import filters_of
from webapp.query_types import QUERY_TYPES


def found(client: FlaskClient, query: str) -> str:
    """The symbols that a query finds, by their first letters."""
    reply = client.get(f"/data?{query}")
    assert reply.status_code == 200, reply.text
    return "".join(row["symbol"][0] for row in reply.json["data"])


CASES = [
    ("symbol=ADA", "A"),
    ("symbol=ADA&symbol=BTC", "AB"),
    ("symbol__ne=ADA", "BZ"),
    ("symbol__in=ADA,ZZZ", "AZ"),
    ("symbol__gt=ADA", "BZ"),
    ("symbol__lte=BTC", "AB"),
    ("name__contains=BIT", "B"),
    ("name__contains=%25", "A"),
    ("name__contains=_", "A"),
    ("name__isnull=true", "Z"),
    ("name__isnull=false", "AB"),
    ("name__ne=Bitcoin", "AZ"),
    ("price=0.000000000001", "A"),
    ("price=1e-12", "A"),
    ("price__gt=123456789012345678901234.4", "B"),
    ("price__gt=123456789012345678901234.5", ""),
    ("price__lt=1", "A"),
    ("price__in=1e-12,2", "A"),
    ("rank=2", "B"),
    ("rank__gte=1", "AB"),
    ("rank__lt=2", "A"),
    ("ratio__gt=0.9", "B"),
    ("ratio=0.5", "A"),
    ("active=true", "A"),
    ("active=false", "B"),
    ("active__ne=true", "BZ"),
    ("active__isnull=1", "Z"),
    ("listed=2020-01-01", "A"),
    ("listed__gt=2020-01-01", "B"),
    ("observed_at=2026-01-02T12:00:00Z", "A"),
    ("observed_at=2026-01-02T13:00:00%2B01:00", "A"),
    ("observed_at=2026-01-02T13:00:00+01:00", "A"),
    ("observed_at=2026-01-02T12:00:00", "A"),
    ("observed_at__gt=2026-01-02T12:00:00Z", "B"),
    ("observed_at__lt=2026-01-03", "A"),
    ("details__isnull=false", "A"),
    (f"token={TOKEN}", "A"),
    (f"token__in={TOKEN},{TOKEN}", "A"),
    ("token__isnull=true", "BZ"),
    ("source=prices", "ABZ"),
    ("source=by_hand", ""),
    ("source__ne=prices", ""),
    ("source=by_hand&source=prices", "ABZ"),
    ("key__contains=k", "ABZ"),
    ("run_id=1", "ABZ"),
    ("run_id=2", ""),
    ("id__gt=0", "ABZ"),
    ("since=2020-01-01", "ABZ"),
    ("until=2020-01-01T00:00:00Z", ""),
    ("created_at__gte=2020-01-01&updated_at__lt=2100-01-01", "ABZ"),
    ("symbol__gt=A&rank__gte=2", "B"),
    ("observed_at__gt=2000-01-01T00:00:00%2B23:59", "AB"),
]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("query", "symbols"), CASES)
def test_filter(client: FlaskClient, query: str, symbols: str) -> None:
    assert found(client, query) == symbols


def test_filters_know_all_types() -> None:
    assert QUERY_TYPES.keys() == TYPES.keys()


REFUSED = [
    ("simbol=ADA", "simbol", "Did you mean symbol?"),
    ("qqqqqq=1", "qqqqqq", "Known are: dataset"),
    ("price=much", "price", "number"),
    ("price=NaN", "price", "Special"),
    ("price=1e99999", "price", "digits"),
    ("rank=9223372036854775808", "rank", "less than or equal"),
    ("listed=yesterday", "listed", "date"),
    ("observed_at__gt=now", "observed_at__gt", "datetime"),
    ("observed_at=0001-01-01T00:00:00%2B14:00", "observed_at", "datetime"),
    ("active=perhaps", "active", "boolean"),
    ("token=1", "token", "UUID"),
    ("symbol=%00", "symbol", "NUL"),
    ("details=1", "details", "Unknown parameter"),
    ("limit=0", "limit", "1"),
    ("limit=1001", "limit", "1000"),
    ("limit=5&limit=6", "limit", "more than once"),
    ("sort=nothing", "sort", "Known are: id"),
    ("sort=details", "sort", "Unknown column"),
    ("fields=id,nme", "fields", "Did you mean name?"),
    ("facet=nothing", "facet", "Unknown column"),
    ("count=roughly", "count", "one of"),
    ("format=xml", "format", "one of"),
    ("deleted=yes", "deleted", "one of"),
    ("dataset=item", "dataset", "Did you mean items?"),
    ("cursor=abc", "cursor", "not a cursor"),
    ("cursor=%00", "cursor", "NUL"),
    ("cursor=WzEsMV0", "cursor", "not a cursor"),
]


@pytest.mark.parametrize(("query", "parameter", "says"), REFUSED)
def test_refused(client: FlaskClient, query: str, parameter: str, says: str) -> None:
    reply = client.get(f"/data?{query}")

    assert reply.status_code == 422
    assert reply.mimetype == "application/problem+json"
    assert says in str(reply.json["errors"]["query"][parameter])


def test_parameters_are_typed_in_openapi(client: FlaskClient) -> None:
    listed = client.get("/openapi.json").json["paths"]["/data"]["get"]["parameters"]
    types = {each["name"]: each["schema"] for each in listed}

    assert types["rank__gt"]["type"] == "integer"
    assert types["observed_at__lt"]["format"] == "date-time"
    assert types["price"]["items"]["type"] == "number"
    assert types["limit"]["maximum"] == 1000


def test_reserved_name_has_eq(app: Flask) -> None:
    made = filters_of(catalog().datasets["notes"], {"deleted"})

    assert "deleted" not in made
    assert made["deleted__eq"].column == "deleted"
