"""Drift: an upstream that no longer sends what its source declares shows as a flood of rejects.

Without a stop, a renamed field would turn a million good items' updates into a million rejects, page by page,
and the run would still be called succeeded.
"""

from collections import Counter
from collections.abc import Sequence

from ingest.declared import Source
from ingest.errors import SourceBroken
from ingest.page import Reject

# Of fewer records nothing follows: a short file may well be half wrong.
LEAST = 100
SHOWN = 3


def check(source: Source, rejects: Sequence[Reject], *, fetched: int, rejected: int) -> None:
    """Raise SourceBroken when too many of a run's records are rejects.

    `fetched` and `rejected` count the run so far with the page at hand, whose own rejects are named.
    """
    if fetched < LEAST or 100 * rejected <= source.max_reject_percent * fetched:
        return
    raise SourceBroken(
        f"{rejected} of the run's first {fetched} records are rejects, max_reject_percent allows "
        f"{source.max_reject_percent} %; the page at hand is not written.{_told(rejects)} "
        f"Look: kasparro preview {source.name}, then mend catalog/sources/{source.name}.yaml",
        kind="drift",
    )


def _told(rejects: Sequence[Reject]) -> str:
    """What is wrong most often, and where it is seen first."""
    if not rejects:
        return ""
    often = Counter(": ".join(filter(None, [each.field, each.reason])) for each in rejects)
    told = ", ".join(f"{what} ({times} times)" for what, times in often.most_common(SHOWN))
    return f" On it: {told}; the first is {rejects[0].position}."
