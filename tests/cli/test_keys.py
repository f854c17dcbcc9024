"""`kasparro keys`: a key is shown once, listed without its secret, and revoked by its prefix."""

import json
import re

import pytest
from sqlalchemy import text

from ingest import keys
from tests.cli.shop import call
from tests.cli.test_terminal import on_terminal

KEY = re.compile(r"([0-9a-f]{12})_([0-9a-f]{64})\n")


@pytest.fixture
def made(open_shop):
    """A key as `create` shows it."""
    result = call("keys", "create", "ci-bot", "--scope", "trigger", "--expires", "90d")
    assert result.exit_code == 0, result.output
    return KEY.fullmatch(result.stdout)


def listed():
    """What `keys list --json` prints."""
    return [json.loads(line) for line in call("keys", "--json").stdout.splitlines()]


def test_key_opens_the_door(made, engine):
    with engine.begin() as tx:
        assert keys.holder(tx, made[0].strip()) == keys.Holder(made[1], "trigger")


def test_list_has_all_but_the_secret(made):
    (key,) = listed()

    known = {"prefix": made[1], "name": "ci-bot", "scope": "trigger", "state": "live", "last_used_at": None}
    assert key.items() >= known.items()
    assert key["expires_at"] > key["created_at"]
    for words in (("keys",), ("keys", "list", "--json"), ("keys", "--debug")):
        assert made[2] not in call(*words).output


def test_json_has_the_key(open_shop):
    result = call("keys", "create", "app", "--scope", "read", "--json")

    shown = json.loads(result.stdout)
    assert KEY.fullmatch(shown.pop("key") + "\n")[1] == shown["prefix"]
    assert shown.items() >= {"name": "app", "scope": "read", "expires_at": None}.items()


def test_revoked_stays_listed(made):
    assert "is revoked" in call("keys", "revoke", made[1]).stdout
    first = listed()

    assert call("keys", "revoke", made[1]).exit_code == 0
    assert [key["state"] for key in listed()] == ["revoked"]
    assert listed() == first


def test_whole_key_is_not_repeated(made):
    unknown = f"{'0' * 12}_{made[2]}"

    result = call("keys", "revoke", unknown)

    assert result.exit_code == 2
    assert "there is no key 000000000000" in result.stderr
    assert made[2] not in result.output


def test_audit_has_the_prefix_alone(open_shop):
    created = call("keys", "create", "ci-bot", "--scope", "admin")
    prefix, secret = KEY.fullmatch(created.stdout).groups()
    revoked = call("keys", "revoke", prefix)

    made, ended = (json.loads(result.stderr.splitlines()[0]) for result in (created, revoked))
    assert made.items() >= {"event": "key created", "prefix": prefix, "scope": "admin"}.items()
    assert ended.items() >= {"event": "key revoked", "prefix": prefix, "name": "ci-bot"}.items()
    assert secret not in created.stderr + revoked.output


def test_terminal_shows_words(open_shop):
    screen, code, _ = on_terminal("keys", "create", "me", "--scope", "read")

    assert code == 0
    assert "it is shown once" in screen
    assert "event" not in screen


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", "app"), "--scope"),
        (("create", "app", "--scope", "root"), "'read', 'trigger', 'admin'"),
        (("create", "two words", "--scope", "read"), "is no name for a key"),
        (("create", "", "--scope", "read"), "is no name for a key"),
        (("create", "a\nb", "--scope", "read"), "is no name for a key"),
        (("create", "a" * 65, "--scope", "read"), "is no name for a key"),
        (("create", "app", "--scope", "read", "--expires", "soon"), "write 30s, 5m, 1h or 90d"),
        (("create", "app", "--scope", "read", "--expires", "0s"), "too short"),
        (("create", "app", "--scope", "read", "--expires", "999999d"), "more than ten years"),
        (("revoke", "nothing"), "there is no key nothing; those that are: kasparro keys"),
    ],
)
def test_refused(open_shop, words, says):
    result = call("keys", *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert says in " ".join(result.stderr.split())
    assert listed() == []


def test_database_without_the_table(made, engine):
    with engine.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    for words in (("create", "app", "--scope", "read"), ("revoke", made[1])):
        result = call("keys", *words)
        assert result.exit_code == 6
        assert "kasparro migrate" in result.stderr
