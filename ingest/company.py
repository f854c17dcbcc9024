"""What a puller knows of the rows while other pullers of its run write as well."""

import polars as pl


class Company:
    """Remembers from page to page of a part; `ingest.known` is of no use to one who is not the one writer.

    After a page that was all new the next one is taken for new, and looked up only when the unique key says
    no: to look up a million keys that are not there takes as long as to write the rows.
    """

    def __init__(self) -> None:
        self.expects_new = False

    def certainly_new(self, good: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """No row is new for certain: another part may have its key."""
        return good.clear(), good
