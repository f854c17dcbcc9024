"""What a replay would do, from the same verdicts, without writing anything."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from ingest.declared import Source
from ingest.kept import Kept, kept_pages, without_page
from ingest.normalize import normalize
from ingest.replay import UNREADABLE, read


@dataclass
class Rehearsal:
    """Numbers of pages, of records judged and accepted, of open rejects mended, and what would remain.

    `remaining` counts the records that stay refused by (field, reason). `unread` pages do not fit the
    declaration any more; `without_page` open rejects cannot be judged, for their raw page is gone.
    """

    pages: int = 0
    judged: int = 0
    accepted: int = 0
    mended: int = 0
    remaining: Counter[tuple[str, str]] = field(default_factory=Counter)
    unread: int = 0
    without_page: int = 0

    def see(self, kept: Kept, source: Source, mode: str) -> None:
        """Take in one page."""
        self.pages += 1
        try:
            frame = read(kept, source, mode)
        except UNREADABLE:
            self.unread += 1
            return
        good, rejects = normalize(frame, source)
        self.judged += frame.records
        self.accepted += len(good)
        self.mended += len(kept.waiting.keys() & set(good["index"]))
        self.remaining.update((reject.field or "-", reject.reason) for reject in rejects)

    def refused(self) -> list[dict[str, Any]]:
        """What would stay refused, most first: field, reason and how many records."""
        return [
            {"field": field, "reason": reason, "records": many}
            for (field, reason), many in self.remaining.most_common()
        ]

    def document(self) -> dict[str, Any]:
        """The numbers as plain values."""
        return {**vars(self), "remaining": self.refused()}


def rehearse(db: Engine, source: Source, mode: str) -> Rehearsal:
    """Judge what a replay in that mode would judge, and forget the rows."""
    found = Rehearsal()
    for kept in kept_pages(db, source.name, waiting=mode == "replay"):
        found.see(kept, source, mode)
    with db.connect() as connection:
        found.without_page = without_page(connection, source.name)
    return found
