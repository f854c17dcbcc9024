"""`kasparro migrate`: bring the database up to the code and the catalogue."""

import click

from cli.flags import flags, wants


@click.command()
@flags
def migrate() -> None:
    """Bring the database up to the code and the catalogue. Doing it twice is harmless."""
    from cli.logs import quiet
    from cli.output import hint, print_json
    from ingest.catalog import catalog
    from ingest.db import engine
    from ingest.migrate import migrate as bring_up

    with quiet():
        done = bring_up(engine(), catalog())
    if wants("json"):
        print_json({"done": done})
    else:
        click.echo("\n".join(done) or "nothing to do")
    hint("kasparro check")
