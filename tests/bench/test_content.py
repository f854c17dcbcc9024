"""The check of content: the order does not matter, nor how a value is written; everything else does."""

import psycopg2
import pytest

from bench.content import OURS, content, of_file
from bench.inputs import write

ROWS = 2_000


@pytest.fixture
def db(database):
    connection = psycopg2.connect(database)
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture
def expected(db, tmp_path):
    return of_file(db, write(tmp_path, ROWS).file("clean.csv"))


def execute(db, statement: str) -> None:
    with db.cursor() as cursor:
        cursor.execute(statement)


def test_writing_and_order_do_not_matter(db, expected):
    """Text in another order, prices with more zeros, times of another zone: how a peer may keep them."""
    execute(
        db,
        "SET timezone = 'Asia/Tokyo'; CREATE TABLE other AS SELECT key AS id, name, symbol, category,"
        " price::text || '000' AS price, market_cap::float8 AS market_cap, volume, rank::int AS rank,"
        " is_active::text AS is_active, updated AS updated_at FROM oracle ORDER BY price",
    )

    assert expected.rows > 0
    assert content(db, "public.other", {}) == expected


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE oracle SET price = price + 0.000001 WHERE key = 'coin-00000000'",
        "UPDATE oracle SET name = NULL WHERE key = 'coin-00000000'",
        "UPDATE oracle SET updated = updated + interval '1 second' WHERE key = 'coin-00000000'",
        "UPDATE oracle SET is_active = NOT is_active WHERE key = 'coin-00000000'",
        "DELETE FROM oracle WHERE key = 'coin-00000000'",
        "INSERT INTO oracle (key, name) VALUES ('more', 'more')",
        "UPDATE oracle AS o SET name = p.name FROM oracle AS p WHERE p.id = 3 - o.id",
    ],
)
def test_wrong_table_is_noticed(db, expected, damage):
    execute(db, damage)

    assert content(db, "oracle", OURS) != expected
