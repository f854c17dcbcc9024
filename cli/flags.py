"""The flags that every command takes, wherever they stand, and groups that list when nothing is said."""

from collections.abc import Callable
from typing import Any

import click


def _note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Keep the flag where all commands of one call see it, so that its place does not matter."""
    if value:
        ctx.meta[f"kasparro.{param.name}"] = True


def flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json and --debug to a command."""
    for name, help in (("--debug", "Show tracebacks and logs."), ("--json", "Print JSON on stdout.")):
        command = click.option(name, is_flag=True, expose_value=False, callback=_note, help=help)(command)
    return command


def wants(flag: str) -> bool:
    """Whether the flag was given: json or debug."""
    ctx = click.get_current_context(silent=True)
    return bool(ctx and ctx.meta.get(f"kasparro.{flag}"))


class Listing(click.Group):
    """A group that means its `list` when no command of it is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` in front of options that stand alone."""
        named = any(arg in self.commands or arg in ctx.help_option_names for arg in args)
        mistaken = bool(args) and not args[0].startswith("-")
        return super().parse_args(ctx, args if named or mistaken else ["list", *args])
