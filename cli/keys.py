"""`kasparro keys`: who may use the HTTP API."""

import re
from datetime import timedelta
from typing import Any

import click

from cli.flags import Listing, flags, wants

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
LONGEST_S = 3650 * 86400
LISTED = ("prefix", "name", "scope", "state", "created", "last used", "expires")


class Name(click.ParamType):
    """What a key is for; it stands in lists and logs, so nothing in it may look like something else."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name itself."""
        if not NAME.fullmatch(value):
            self.fail(
                f"{value!r} is no name for a key; write 1 to 64 letters, digits, . _ @ or -", param, ctx
            )
        return value


class Lifetime(click.ParamType):
    """How long a key lasts, as catalogue files write durations."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the time span."""
        from marshmallow import ValidationError

        from ingest.catalog.units import Duration

        try:
            seconds = Duration("How long the key lasts.", least=60).check(value)
        except ValidationError as error:
            self.fail(str(error.messages[0]), param, ctx)
        if seconds > LONGEST_S:
            self.fail(
                f"{value} is more than ten years; leave --expires out for a key without an end", param, ctx
            )
        return timedelta(seconds=seconds)


@click.group(cls=Listing)
@flags
def keys() -> None:
    """Make, list and revoke keys of the HTTP API. Alone: all of them.

    To replace a key: create another one with the same name, hand it over, revoke the old one.
    """


@keys.command()
@click.argument("name", type=Name())
@click.option(
    "--scope",
    required=True,
    type=click.Choice(["read", "trigger", "admin"]),
    help="What it may do; each includes the ones before it.",
)
@click.option("--expires", type=Lifetime(), help="When it ends by itself, like 12h or 90d. [never]")
@flags
def create(name: str, scope: str, expires: timedelta | None) -> None:
    """Make a key and show it, this once. NAME says whose it is or what it is for."""
    from cli.logs import audited
    from cli.output import note, print_json
    from cli.ready import check_migrated
    from ingest import keys
    from ingest.db import engine

    with engine().begin() as tx:
        check_migrated(tx)
        with audited():
            made = keys.create(tx, name, scope, lasts=expires)
    if wants("json"):
        about = {"prefix": made.prefix, "name": name, "scope": scope, "expires_at": made.expires_at}
        return print_json({"key": made.key, **about})
    click.echo(made.key)
    note(f"Keep it now: it is shown once. To take it back: kasparro keys revoke {made.prefix}")


@keys.command("list")
@flags
def list_() -> None:
    """All keys, oldest first; never their secrets."""
    from cli.output import hint, print_lines, print_table
    from ingest import keys
    from ingest.db import engine

    with engine().connect() as tx:
        rows = keys.listed(tx)
    if wants("json"):
        return print_lines(dict(row._mapping) for row in rows)
    print_table(LISTED, [_line(row) for row in rows])
    if not rows:
        hint("kasparro keys create NAME --scope trigger")


def _line(row: Any) -> list[Any]:
    from cli.output import relative

    used = relative(row.last_used_at) or "never"
    expires = relative(row.expires_at) or "never"
    return [row.prefix, row.name, row.scope, row.state, relative(row.created_at), used, expires]


@keys.command()
@click.argument("prefix")
@flags
def revoke(prefix: str) -> None:
    """Let a key open nothing from now on. PREFIX is what stands before the underscore."""
    from cli.logs import audited
    from cli.output import print_json
    from cli.ready import check_migrated
    from ingest import keys
    from ingest.db import engine

    # Whoever gives the whole key means it; its secret must not come back in an error.
    prefix = prefix.partition("_")[0]
    with engine().begin() as tx:
        check_migrated(tx)
        with audited():
            found = keys.revoke(tx, prefix)
    if not found:
        raise click.UsageError(f"there is no key {prefix}; those that are: kasparro keys")
    if wants("json"):
        return print_json({"prefix": prefix, "state": "revoked"})
    click.echo(f"key {prefix} is revoked")
