"""GET /data: values, projection, counts, formats by Accept, revalidation."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.web.rows import LOW, TOKEN
from tests.web.seeding import NOON, Seed
from webapp.queries import items


def test_envelope(client: FlaskClient, seed: Seed) -> None:
    seed.item(**LOW)

    reply = client.get("/data")

    assert set(reply.json) == {"data", "page", "request_id", "api_latency_ms"}
    assert reply.json["page"] == {
        "limit": 100,
        "next_cursor": None,
        "has_more": False,
        "count": None,
        "count_kind": "none",
    }
    assert reply.json["request_id"] == reply.headers["X-Request-Id"]
    assert "Link" not in reply.headers


def test_exact_numbers(client: FlaskClient, three: list[int]) -> None:
    text = client.get("/data?fields=price").text

    assert '{"price":0.000000000001}' in text
    assert '{"price":123456789012345678901234.5}' in text
    assert '{"price":null}' in text


def test_json_keeps_digits(client: FlaskClient, seed: Seed) -> None:
    seed.item()
    with seed.engine.begin() as tx:
        tx.execute(text("UPDATE items SET details = '{\"n\": 12345678901234567890123.10}'"))

    assert '"details":{"n":12345678901234567890123.10}' in client.get("/data").text


def test_instants_have_one_form(client: FlaskClient, seed: Seed) -> None:
    seed.item(**LOW)

    row = client.get("/data").json["data"][0]
    csv = client.get("/data?format=csv&fields=observed_at,created_at").text

    assert row["observed_at"] == "2026-01-02T12:00:00Z"
    assert row["created_at"].endswith("Z")
    assert csv.splitlines()[1] == f"{row['observed_at']},{row['created_at']}"


def test_projection_keeps_its_order(client: FlaskClient, three: list[int]) -> None:
    rows = client.get("/data?fields=symbol,id,symbol,content_hash&limit=1").json["data"]

    assert list(rows[0]) == ["symbol", "id", "content_hash"]


def test_every_field_is_shown(client: FlaskClient, three: list[int]) -> None:
    row = client.get("/data").json["data"][0]

    assert set(LOW) < set(row)
    assert row["details"] == {"a": 1}
    assert row["token"] == str(TOKEN)
    assert (row["listed"], row["active"], row["ratio"], row["rank"]) == ("2020-01-01", True, 0.5, 1)


def test_other_dataset(client: FlaskClient, seed: Seed) -> None:
    seed.note(symbol=7, deleted=1)
    seed.note(symbol=8, deleted=2)

    reply = client.get("/data?dataset=notes&symbol__gt=6&deleted__eq=2")

    assert [row["symbol"] for row in reply.json["data"]] == [8]


def test_field_of_another_dataset(client: FlaskClient) -> None:
    reply = client.get("/data?dataset=notes&price=1")

    assert "price" in reply.json["errors"]["query"]


def symbols(client: FlaskClient, deleted: str) -> list[str]:
    """The symbols found with this value of `deleted`."""
    return [row["symbol"] for row in client.get(f"/data?deleted={deleted}").json["data"]]


def test_deleted_rows(client: FlaskClient, seed: Seed) -> None:
    seed.item(symbol="Alive")
    seed.item(symbol="Dead", deleted_at=NOON)

    assert symbols(client, "include") == ["Alive", "Dead"]
    assert symbols(client, "only") == ["Dead"]
    assert symbols(client, "exclude") == ["Alive"]
    assert client.get("/data").json["data"] == client.get("/data?deleted=exclude").json["data"]


def test_counts(client: FlaskClient, three: list[int], seed: Seed) -> None:
    with seed.engine.begin() as tx:
        tx.execute(text("ANALYZE items"))

    exact = client.get("/data?count=exact&rank__gte=1&limit=1").json["page"]
    estimated = client.get("/data?count=estimated&limit=1").json["page"]

    assert (exact["count"], exact["count_kind"]) == (2, "exact")
    assert (estimated["count"], estimated["count_kind"]) == (3, "estimated")


def test_count_that_takes_too_long(
    client: FlaskClient, three: list[int], monkeypatch: pytest.MonkeyPatch, seed: Seed
) -> None:
    insert = "INSERT INTO items (source, key, content_hash, raw_id, raw_index, run_id, symbol)"
    many = "SELECT 'prices', 'c' || n, gen_random_uuid(), 1, 0, 1, 'C' FROM generate_series(1, 60000) n"
    with seed.engine.begin() as tx:
        tx.execute(text(f"{insert} {many}"))
    monkeypatch.setattr(items, "COUNT_PATIENCE_MS", 1)  # to make the step fail

    reply = client.get("/data?count=exact&name__contains=e&limit=1")

    assert (reply.status_code, reply.json["page"]["count_kind"]) == (200, "estimated")


def test_facet(client: FlaskClient, seed: Seed) -> None:
    seed.items(3, name="common")
    seed.items(1, name="rare")

    first = client.get("/data?facet=name&limit=1").json
    then = client.get(f"/data?facet=name&limit=1&cursor={first['page']['next_cursor']}").json

    common, rare = {"value": "common", "count": 3}, {"value": "rare", "count": 1}
    assert first["facet"] == {"column": "name", "values": [common, rare]}
    assert "facet" not in then


ACCEPTED = [
    (None, "application/json"),
    ("*/*", "application/json"),
    ("text/csv", "text/csv"),
    ("application/x-ndjson", "application/x-ndjson"),
    ("text/html, */*;q=0.1", "application/json"),
]


@pytest.mark.parametrize(("accept", "mimetype"), ACCEPTED)
def test_accept(client: FlaskClient, accept: str | None, mimetype: str) -> None:
    reply = client.get("/data", headers={"Accept": accept} if accept else {})

    assert reply.mimetype == mimetype
    assert "Accept" in reply.headers["Vary"]


def test_not_acceptable(client: FlaskClient) -> None:
    assert client.get("/data", headers={"Accept": "image/png"}).status_code == 406


def test_unchanged_is_304(client: FlaskClient, seed: Seed) -> None:
    id = seed.item()
    etag = client.get("/data").headers["ETag"]

    unchanged = client.get("/data", headers={"If-None-Match": etag})
    seed.change(id, rank=7)
    changed = client.get("/data", headers={"If-None-Match": etag})

    assert etag.startswith("W/")
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert changed.status_code == 200


def test_head(client: FlaskClient, three: list[int]) -> None:
    for query in ("", "?format=csv"):
        reply = client.head(f"/data{query}")
        assert (reply.status_code, reply.data) == (200, b"")
