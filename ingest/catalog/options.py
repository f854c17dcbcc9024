"""The options of each kind of source: one marshmallow schema a kind, whose loaded values are its keywords."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from marshmallow import ValidationError, validates_schema

from ingest.catalog.groups import Closed, Entries, Group, Json, TrueOrMany, Variant
from ingest.catalog.http import HeaderName, HeaderValue, Rate, Url
from ingest.catalog.units import Duration, Size
from ingest.catalog.values import Checked, Choice, Filled, Scalar, Shape, Toggle, Whole
from ingest.catalog.words import Character, Codec, FilePath, Path
from ingest.references import shown


class HeaderAuth(Closed):
    """A key in a header of its own. An empty value: no auth is sent."""

    type = Choice(["header"], required=True)
    name = HeaderName("The header.", default="Authorization")
    value = HeaderValue("The key, as a reference: ${NAME}.", required=True)


class BearerAuth(Closed):
    """Authorization: Bearer. An empty value: no auth is sent."""

    type = Choice(["bearer"], required=True)
    value = HeaderValue("The token, as a reference: ${NAME}.", required=True)


class QueryAuth(Closed):
    """A key in the query of the URL. An empty value: no auth is sent."""

    type = Choice(["query"], required=True)
    name = Filled("The query parameter.", required=True)
    value = Scalar("The key, as a reference: ${NAME}.", required=True)


class BasicAuth(Closed):
    """User name and password. Both empty: no auth is sent."""

    type = Choice(["basic"], required=True)
    username = Scalar("The user name.", required=True)
    password = Scalar("The password, as a reference: ${NAME}.", default="")


class _InTurn(Closed):
    """Pages that are asked for one by one."""

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **kwargs: Any) -> None:
        """Say why `ahead` is not for them."""
        super().handle_error(error, data, many=many, **kwargs)
        messages: Any = error.messages
        if "ahead" in messages:
            messages["ahead"] = [f"{data['type']} cannot be asked for ahead; only page and offset can"]


class NoPages(_InTurn):
    """One reply holds everything."""

    type = Choice(["none"], required=True)


AHEAD = Whole("How many pages are asked for at the same time.", least=1, most=32, default=1)


class _Sized(Closed):
    @validates_schema
    def _has_size(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data["size_param"] is not None and data["size"] is None:
            raise ValidationError("needs size", "size_param")


class NumberedPages(_Sized):
    """Pages by number, until one is short or empty."""

    type = Choice(["page"], required=True)
    param = Filled("The parameter with the page's number.", default="page")
    start = Whole("The number of the first page.", default=1)
    size_param = Filled("The parameter that asks for a page's size.", default=None)
    size = Whole("Records in a full page.", least=1, most=100_000, default=None)
    ahead = AHEAD


class OffsetPages(_Sized):
    """Pages by offset, until one is short or empty."""

    type = Choice(["offset"], required=True)
    param = Filled("The parameter with the offset.", default="offset")
    size_param = Filled("The parameter that asks for a page's size.", default="limit")
    size = Whole("Records in a full page.", least=1, most=100_000, required=True)
    ahead = AHEAD


class CursorPages(_InTurn):
    """A cursor in the body that asks for the next page; null, empty or absent at the end."""

    type = Choice(["cursor"], required=True)
    path = Path("Where the body holds the cursor (JMESPath).", required=True)
    param = Filled("The parameter that takes it.", default="cursor")


class NextUrlPages(_InTurn):
    """The next page's URL in the body; null, empty or absent at the end."""

    type = Choice(["next_url"], required=True)
    path = Path("Where the body holds the URL (JMESPath).", required=True)


class LinkPages(_InTurn):
    """The next page's URL in the Link header, rel=next (RFC 8288)."""

    type = Choice(["link"], required=True)


AUTH: dict[str, type[Closed]] = {
    "header": HeaderAuth,
    "bearer": BearerAuth,
    "query": QueryAuth,
    "basic": BasicAuth,
}
PAGINATE: dict[str, type[Closed]] = {
    "none": NoPages,
    "page": NumberedPages,
    "offset": OffsetPages,
    "cursor": CursorPages,
    "next_url": NextUrlPages,
    "link": LinkPages,
}


class Lookback(Checked):
    """A time span as seconds (a float), or how many numbers to go back (an int)."""

    span = Duration("")
    count = Whole("")

    def parse(self, value: Any) -> float | int:
        """Return the seconds or the count; digits that a reference brought are a count."""
        if isinstance(value, str) and not re.fullmatch("[0-9]+", value, re.ASCII):
            return float(self.span.parse(value))
        return self.count.parse(value)

    def describe(self) -> Shape:
        """Either of both."""
        return {"anyOf": [self.span.describe(), self.count.describe()]}


class Since(Closed):
    """Ask only for what changed since the newest record seen."""

    field = Path("Where a record holds its time or number of change (JMESPath).", required=True)
    param = Filled("The parameter that takes the newest value seen.", required=True)
    start = Scalar("What to ask for the first time; absent: everything.", default=None)
    lookback = Lookback(
        "How far to look back, for records that arrive late; a count for format integer.", default="0s"
    )
    format = Choice(["iso", "epoch", "epoch_ms", "integer"], "How the value is written.", default="iso")

    @validates_schema
    def _fits_format(self, data: dict[str, Any], **kwargs: Any) -> None:
        count = isinstance(data["lookback"], int)
        if data["format"] == "integer" and data["lookback"] and not count:
            raise ValidationError("is a time; format integer takes a whole number", "lookback")
        if data["format"] != "integer" and count:
            raise ValidationError("is a number; write 30s, 5m, 1h or 90d", "lookback")
        if data["start"] is not None and not _starts(data["start"], data["format"]):
            raise ValidationError(f"{shown(data['start'])} does not fit format {data['format']}", "start")


def _starts(start: str, format: str) -> bool:
    if format != "iso":
        return re.fullmatch(r"-?[0-9]{1,18}", start, re.ASCII) is not None
    try:
        return datetime.fromisoformat(start).tzinfo is not None
    except ValueError:
        return False


class KindOptions(Closed):
    """Base of a kind's options. `jmespath` says what `key` and `from` are: expressions, or plain names."""

    jmespath: ClassVar[bool] = False


class HttpJsonOptions(KindOptions):
    """A REST API that answers JSON."""

    jmespath = True

    url = Url("The URL without query; keep its host in a reference to point it elsewhere.", required=True)
    method = Choice(["GET", "POST"], "The HTTP method.", default="GET")
    headers = Entries(
        HeaderName(), HeaderValue(), "Request headers without secrets; for those see auth.", default={}
    )
    params = Entries(Filled(), Scalar(), "Query parameters.", default={})
    body = Json("The JSON body of a POST.", default=None)
    auth = Variant(AUTH, "How to prove who asks; sent to the host of url only.", default=None)
    records = Path(
        "Where the body holds the list of records (JMESPath); absent: it is the list.", default=None
    )
    paginate = Variant(PAGINATE, "How to get the next page.", default={"type": "none"})
    since = Group(Since, "Incremental: ask for changes only.", default=None)
    rate = Rate("The quota of the host, shared by all workers.", default=None)
    max_body = Size("The largest reply, decompressed.", least=1024, most=256 * 1024**2, default="16MB")
    connect_timeout = Duration("For a connection.", least=0.1, default="5s")
    read_timeout = Duration("For the next bytes.", least=0.1, default="30s")
    total_timeout = Duration("For a whole reply.", least=0.1, default="120s")
    retries = Whole("How often to ask again after 429, 5xx or a broken connection.", most=20, default=4)
    max_pages = Whole("More pages than this are taken for a loop.", least=1, most=10**7, default=10_000)
    allow_private = Toggle(
        "Whether url may be at an address that is not public; absent: the setting ALLOW_PRIVATE.",
        default=None,
    )

    @validates_schema
    def _body_needs_post(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data["body"] is not None and data["method"] != "POST":
            raise ValidationError("needs method: POST", "body")


class FileOptions(KindOptions):
    """Base of the options of kinds that read files below FILES_ROOT."""

    path = FilePath("A path or a glob relative to FILES_ROOT.", required=True)
    compression = Choice(["auto", "none", "gzip"], "auto: gzip when the name ends in .gz.", default="auto")
    page_size = Size("Bytes of a page, cut at a record's end.", least=1024, most=64 * 1024**2, default="3MB")


class CsvFileOptions(FileOptions):
    """CSV files below FILES_ROOT."""

    encoding = Codec(
        "The encoding, by a name that Python knows; a byte order mark is skipped.", default="utf-8"
    )
    delimiter = Character("What parts the fields.", default=",")
    quote = Character("What encloses fields that hold delimiters or line ends.", default='"')
    header = TrueOrMany(Filled(), "true: the first line names the columns; or their names.", default=True)
    skip_lines = Whole("Lines to skip before the header.", most=10_000, default=0)

    @validates_schema
    def _different_characters(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data["delimiter"] == data["quote"]:
            raise ValidationError("is the delimiter as well", "quote")


class JsonlFileOptions(FileOptions):
    """JSON lines files below FILES_ROOT: UTF-8, an object a line."""

    jmespath = True


OPTIONS: Mapping[str, type[KindOptions]] = {
    "http_json": HttpJsonOptions,
    "csv_file": CsvFileOptions,
    "jsonl_file": JsonlFileOptions,
}
