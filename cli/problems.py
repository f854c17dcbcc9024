"""What went wrong, to what, why, and what to type next; and the exit code that scripts see."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

OK, FAILED, USAGE, REJECTS, UPSTREAM, CONFIG, SERVERS, OPEN, WAITED, STOPPED = 0, 1, 2, 3, 4, 5, 6, 7, 75, 130
CODES = {
    OK: "done",
    FAILED: "a run failed, or something unexpected happened",
    USAGE: "the command line is wrong, or names what is not there",
    REJECTS: "done, but records were rejected (only with --fail-on-rejects)",
    UPSTREAM: "a source cannot be reached or refuses our credentials",
    CONFIG: "a setting or a catalogue file is invalid",
    SERVERS: "PostgreSQL or Redis is away, or the database is not migrated",
    OPEN: "already running (only with --detach)",
    WAITED: "timed out while waiting",
    STOPPED: "Ctrl-C",
}
AWAY_KINDS = ("auth", "network", "quota", "upstream")


class Problem(click.ClickException):
    """An error in words: what, why, and the next command."""

    def __init__(self, message: str, *, code: int, next: str | None = None) -> None:
        super().__init__(message)
        self.exit_code, self.next = code, next

    def show(self, file: object = None) -> None:
        """Write it to stderr. What was asked for by Ctrl-C is no error."""
        from cli.output import complain

        complain(self.message, label="stopped" if self.exit_code == STOPPED else "error", next=self.next)


class Quit(click.ClickException):
    """All has been said; only the exit code is left."""

    def __init__(self, code: int) -> None:
        super().__init__("")
        self.exit_code = code

    def show(self, file: object = None) -> None:
        """Nothing more."""


@contextmanager
def explained(*, debug: Callable[[], bool]) -> Iterator[None]:
    """Turn every error within into a Problem, after its traceback where that is wanted."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt as stop:
        raise Quit(STOPPED) from stop
    except Exception as error:
        if debug():
            click.echo(traceback.format_exc(), err=True)
        problem = problem_of(error)
        problem.message = "".join(
            [*(f"{about}: " for about in getattr(error, "__notes__", ())), problem.message]
        )
        raise problem from error


def problem_of(error: Exception) -> Problem:
    """The Problem that an error is."""
    for translate in (_ours, _database, _redis):
        if (problem := translate(error)) is not None:
            return problem
    return Problem(
        f"unexpected {type(error).__name__}: {first_line(error)}",
        code=FAILED,
        next="the same command with --debug",
    )


def _ours(error: Exception) -> Problem | None:
    from ingest.errors import ConfigInvalid, SourceBroken, TryLater

    if isinstance(error, ConfigInvalid):
        return Problem(
            listed("the configuration is invalid", error.problems), code=CONFIG, next="kasparro check"
        )
    if isinstance(error, TryLater):
        return Problem(str(error), code=UPSTREAM)
    if isinstance(error, SourceBroken):
        return Problem(str(error), code=failure_code(error.kind), next="kasparro check")
    return None


def failure_code(kind: str | None) -> int:
    """The exit code of a run that failed with an error of this kind."""
    return UPSTREAM if kind in AWAY_KINDS else FAILED


def _database(error: Exception) -> Problem | None:
    from sqlalchemy import exc

    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.InternalError):
        why = first_line(error.orig)
        return Problem(f"PostgreSQL (DATABASE_URL): {why}", code=SERVERS, next="kasparro check")
    if isinstance(error, exc.ProgrammingError) and getattr(error.orig, "pgcode", "") in ("42P01", "42703"):
        why = first_line(error.orig)
        return Problem(f"the database is not up to date: {why}", code=SERVERS, next="kasparro migrate")
    if isinstance(error, exc.ArgumentError | exc.NoSuchModuleError):
        return Problem("DATABASE_URL is no URL of PostgreSQL", code=CONFIG, next="kasparro check")
    return None


def _redis(error: Exception) -> Problem | None:
    from kombu.exceptions import OperationalError
    from redis import RedisError

    if isinstance(error, OperationalError | RedisError):
        return Problem(f"Redis (REDIS_URL): {first_line(error)}", code=SERVERS, next="kasparro check")
    return None


def first_line(error: object) -> str:
    """The first line of an error's text, or its name where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def listed(message: str, problems: Iterable[str]) -> str:
    """A message with one line for each problem."""
    return "\n".join([f"{message}:", *(f"  - {problem}" for problem in problems)])


def unknown(what: str, name: str, known: Iterable[str]) -> click.UsageError:
    """The error for a name that is not there, with the nearest one."""
    from ingest.catalog.values import did_you_mean

    return click.UsageError(f"there is no {what} {name!r}{did_you_mean(name, known)}")
