"""A walk through pages sees every row that stays exactly once, whatever runs write meanwhile."""

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.web.seeding import Seed


def walk(
    client: FlaskClient, query: str, between: Callable[[int], Any] = lambda page: None
) -> list[dict[str, Any]]:
    """All rows by following the Link header; `between` is called after each page."""
    url, rows = f"/data?{query}", []
    for page in itertools.count():
        reply = client.get(url)
        assert reply.status_code == 200, reply.text
        rows += reply.json["data"]
        assert reply.json["page"]["has_more"] == ("Link" in reply.headers)
        if "Link" not in reply.headers:
            return rows
        url = reply.headers["Link"].partition(">")[0].removeprefix("<")
        assert parse_qs(urlsplit(url).query)["cursor"] == [reply.json["page"]["next_cursor"]]
        between(page)
    raise AssertionError


def test_inserts_and_updates_between_pages(client: FlaskClient, seed: Seed) -> None:
    stable = seed.items(25)

    def disturb(page: int) -> None:
        seed.items(3, source="by_hand")
        seed.change(stable[(page * 7) % 25], rank=page)

    seen = [row["id"] for row in walk(client, "limit=4&id__lte=" + str(stable[-1]), disturb)]

    assert seen == stable


def test_growing_table(client: FlaskClient, seed: Seed) -> None:
    stable = seed.items(10)
    pages = iter(range(3))

    def grow(page: int) -> None:
        if next(pages, None) is not None:
            seed.items(2, source="by_hand")

    seen = [row["id"] for row in walk(client, "limit=3", grow)]

    assert seen == sorted(set(seen))
    assert set(stable) <= set(seen)


SORTS = [
    "price",
    "-price",
    "rank",
    "-rank",
    "name",
    "-observed_at",
    "listed",
    "active",
    "token",
    "ratio",
    "-id",
]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_every_sort_walks_all(client: FlaskClient, seed: Seed, sort: str, limit: int) -> None:
    """Ties, and rows without a value, among the rest."""
    ids = seed.items(
        12,
        price=lambda n: None if n % 4 == 0 else Decimal(n % 3) / 7,
        rank=lambda n: None if n % 3 == 0 else n % 5,
        name=lambda n: None if n % 2 else f"n{n % 3}",
        active=lambda n: None if n % 5 == 0 else bool(n % 2),
        ratio=lambda n: None if n % 5 == 0 else n / 3,
    )

    rows = walk(client, f"sort={sort}&limit={limit}")
    field = sort.removeprefix("-")
    filled = [row[field] for row in rows if row[field] is not None]

    assert sorted(row["id"] for row in rows) == ids
    assert filled == sorted(filled, reverse=sort.startswith("-"))
    assert all(row[field] is None for row in rows[len(filled) :])


def test_nulls_come_last_both_ways(client: FlaskClient, seed: Seed) -> None:
    seed.items(4, rank=lambda n: None if n % 2 else n)

    for sort in ("rank", "-rank"):
        ranks = [row["rank"] for row in walk(client, f"sort={sort}&limit=1")]
        assert [rank is None for rank in ranks] == [False, False, True, True]


def test_ties_follow_the_id(client: FlaskClient, seed: Seed) -> None:
    ids = seed.items(5, rank=1)

    assert [row["id"] for row in walk(client, "sort=rank&limit=2")] == ids
    assert [row["id"] for row in walk(client, "sort=-rank&limit=2")] == ids[::-1]


@pytest.mark.parametrize(
    "other", ["rank=1", "sort=-id", "since=2020-01-01", "dataset=notes", "deleted=include"]
)
def test_cursor_belongs_to_its_query(client: FlaskClient, seed: Seed, other: str) -> None:
    seed.items(3)
    cursor = client.get("/data?limit=1").json["page"]["next_cursor"]

    reply = client.get(f"/data?limit=1&{other}&cursor={cursor}")

    assert reply.status_code == 422
    assert "other filters" in str(reply.json["errors"]["query"]["cursor"])


def test_limit_may_change(client: FlaskClient, seed: Seed) -> None:
    ids = seed.items(5)
    cursor = client.get("/data?limit=1").json["page"]["next_cursor"]

    rows = client.get(f"/data?limit=4&fields=id&cursor={cursor}").json["data"]

    assert [row["id"] for row in rows] == ids[1:]
