"""JMESPath on what an upstream sent: an expression that does not fit it is no surprise."""

from typing import Any

from jmespath.exceptions import JMESPathError

# jmespath lets Python's own error through where it compares or sorts what cannot be compared.
MISFITS = (JMESPathError, TypeError)


def misfit(path: str, error: Exception) -> str:
    """What went wrong, without jmespath's text, which holds the upstream's values however long they are."""
    return f"does not fit {path}: {type(error).__name__}"


def found(path: Any, value: Any) -> Any:
    """What the compiled expression finds; None when it does not fit the value."""
    try:
        return path.search(value)
    except MISFITS:
        return None
