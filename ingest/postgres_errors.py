"""What an error of PostgreSQL means: nobody answered, not now, or a row that it does not take."""

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

# Waiting may help: away, no memory, a lock that is held; read-only or a file that cannot grow (internal).
NOT_NOW = (OperationalError, InterfaceError, InternalError)
# The classes of SQLSTATE that speak of the data: data exception, integrity constraint, WITH CHECK OPTION,
# program limit, RAISE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
ABOUT_A_ROW = ("22", "23", "44", "54", "P0")
# A deadlock or a failed serialization: another transaction came first.
ROLLED_BACK = "40"


def code(error: DBAPIError) -> str | None:
    """The SQLSTATE; None where PostgreSQL did not answer."""
    found: str | None = getattr(error.orig, "pgcode", None)
    return found


def said(error: DBAPIError) -> str:
    """What PostgreSQL said, in one line; where it did not answer, the kind of the error."""
    name = type(error.orig).__name__
    words = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return f"{name}: {words}" if words else name


def about_a_row(error: DBAPIError) -> bool:
    """Whether other rows may be taken where these were refused."""
    return (code(error) or "").startswith(ABOUT_A_ROW)


def constraint(error: DBAPIError) -> str | None:
    """The name of the constraint that a row broke, if it was one."""
    found: str | None = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return found


def came_second(error: DBAPIError) -> bool:
    """Whether another transaction came first, so that to try again at once is all that it takes."""
    return (code(error) or "").startswith(ROLLED_BACK)


def passes(error: DBAPIError) -> bool:
    """Whether it is sure to pass: the server was away, or another transaction came first."""
    found = code(error)
    return error.connection_invalidated or found is None or came_second(error)
