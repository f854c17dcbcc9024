"""Foreign text made fit for a text column: PostgreSQL takes neither NUL nor half a surrogate pair."""


def storable(value: str, *, longest: int) -> str:
    """Return the text with NUL as the symbol for it and surrogates as their escapes, cut to a length."""
    shown = value[:longest].replace("\x00", "\N{SYMBOL FOR NULL}")
    return shown.encode("utf-8", "backslashreplace").decode()


LONGEST_MESSAGE = 4000


def as_message(text: str | None) -> str | None:
    """A message may quote what an upstream sent: make it fit its column, whatever that was."""
    return None if text is None else storable(text, longest=LONGEST_MESSAGE)
