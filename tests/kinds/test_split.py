"""How sources are divided: together the parts are the source, and each knows its own place alone."""

import os
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from ingest.errors import SourceBroken
from ingest.kinds.csv_file import csv_file
from ingest.kinds.jsonl_file import jsonl_file
from ingest.kinds.split import parts_of
from tests.kinds.pulling import rows, taken

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CSV_OPTIONS = {
    "path": "*.csv",
    "compression": "auto",
    "encoding": "utf-8",
    "delimiter": ",",
    "quote": '"',
    "header": True,
    "skip_lines": 0,
    "page_size": 2048,
}


def files(root, by="bytes", **own):
    """The CSV files below the root, divided."""
    return parts_of(csv_file, {**CSV_OPTIONS, "root": root}, {"by": by, "pullers": None, **own})


def pull(parts, piece, positions=None):
    """The pages of one part, and where it stands then."""
    positions = {} if positions is None else positions
    return taken(parts.pull(piece, None, positions), positions, None)


def pulled(parts, positions):
    """All pages of all parts, in the order of the plan."""
    return [page for piece in parts.plan({}, NOW) for page in pull(parts, piece, positions)]


def table(first, last):
    return "".join(f"{number},name {number}\n" for number in range(first, last))


def test_each_file_is_a_part(tmp_path):
    for name in ("b.csv", "a[1].csv", "c.txt"):
        (tmp_path / name).write_text("id,name\n1,one\n")
    parts = files(tmp_path, by="files")

    names = [piece.name for piece in parts.plan({}, NOW)]

    assert names == ["a[1].csv", "b.csv"]
    assert [page.part for page in pulled(parts, {})] == names


def test_ranges_are_the_file(tmp_path):
    content = "id,name\n" + table(0, 2000)
    (tmp_path / "a.csv").write_text(content)
    parts = files(tmp_path, size=4096)
    plan = parts.plan({}, NOW)

    pages = pulled(parts, {})

    assert len(plan) > 5
    assert {piece.name for piece in plan} == {page.part for page in pages}
    assert b"".join(page.body for page in pages) == content.encode()
    whole = taken(csv_file(None, {}, **{**CSV_OPTIONS, "root": tmp_path}), {}, None)
    assert rows(pages) == rows(whole)


LINES = ["1,one", '2,"two\nlines"', '3,"a ""quoted"" word"', '4,"never closed', "5", "6,six,7", "", "8,eight"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("seed", range(8))
def test_cuts_change_no_record(tmp_path, end, seed):
    """Quotes, ragged lines and any line ends: the records are those of the file as a whole."""
    chance = Random(seed)
    lines = ["id,name", *(chance.choice(LINES).replace("\n", end) for _ in range(3000))]
    (tmp_path / "a.csv").write_bytes(end.join(lines).encode())
    parts = files(tmp_path, size=2048)

    pages = pulled(parts, {})

    whole = taken(csv_file(None, {}, **{**CSV_OPTIONS, "root": tmp_path}), {}, None)
    assert len(parts.plan({}, NOW)) > 4
    assert rows(pages) == rows(whole)


def test_json_lines_are_cut_at_lines(tmp_path):
    content = "".join(f'{{"id": {number}, "name": "a \\n b"}}\n' for number in range(2000))
    (tmp_path / "a.jsonl").write_text(content)
    options = {"root": tmp_path, "path": "*.jsonl", "compression": "auto", "page_size": 2048}
    parts, positions = parts_of(jsonl_file, options, {"by": "bytes", "size": 8192, "pullers": None}), {}

    pages = pulled(parts, positions)

    assert len(parts.plan({}, NOW)) > 4
    assert b"".join(page.body for page in pages) == content.encode()
    assert all(page.body.endswith(b"}\n") for page in pages)
    assert sum(page.body.count(b"\n") for page in pages) == 2000
    assert pulled(parts, positions) == []


def test_unchanged_ranges_give_no_page(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n" + table(0, 2000))
    parts, positions = files(tmp_path, size=4096), {}
    pulled(parts, positions)

    assert pulled(parts, positions) == []


def test_appended_file_is_read_on(tmp_path):
    """Only the last range has changed, and those behind it are new."""
    path = tmp_path / "a.csv"
    path.write_text("id,name\n" + table(0, 2000))
    parts, positions = files(tmp_path, size=4096), {}
    pulled(parts, positions)
    with path.open("a") as file:
        file.write(table(2000, 3000))

    good, bad = rows(pulled(parts, positions))

    assert good == [(str(number), f"name {number}") for number in range(2000, 3000)]
    assert bad == []


def test_range_that_was_cut_short_goes_on(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n" + table(0, 2000))
    parts = files(tmp_path, size=8192)
    piece, positions = parts.plan({}, NOW)[1], {}
    all_pages = pull(parts, piece)

    first = taken(parts.pull(piece, None, positions), positions, 2)
    rest = pull(parts, piece, positions)

    assert [page.body for page in first + rest] == [page.body for page in all_pages]


def test_file_that_was_replaced_is_refused(tmp_path):
    """Its records end elsewhere now: half a record would be one that nobody wrote."""
    path = tmp_path / "a.csv"
    path.write_text("id,name\n" + table(0, 2000))
    parts = files(tmp_path, size=4096)
    plan = parts.plan({}, NOW)
    path.write_text("id,name\n" + table(1, 3000))

    with pytest.raises(SourceBroken, match="written anew"):
        pull(parts, plan[1])


def test_file_that_grows_is_no_other_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,name\n" + table(0, 2000))
    parts = files(tmp_path, size=4096)
    plan = parts.plan({}, NOW)
    with path.open("a") as file:
        file.write(table(2000, 3000))
    os.utime(path)

    pages = [page for piece in plan for page in pull(parts, piece)]

    assert rows(pages) == ([(str(number), f"name {number}") for number in range(3000)], [])


def test_compressed_file_is_one_part(tmp_path):
    import gzip

    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(("id,name\n" + table(0, 2000)).encode()))
    parts = parts_of(
        csv_file,
        {**CSV_OPTIONS, "root": tmp_path, "path": "*.gz"},
        {"by": "bytes", "size": 4096, "pullers": None},
    )

    assert [piece.name for piece in parts.plan({}, NOW)] == ["a.csv.gz#0"]
    assert len(rows(pulled(parts, {}))[0]) == 2000


def test_empty_file_is_one_part(tmp_path):
    (tmp_path / "a.csv").write_text("")

    assert pulled(files(tmp_path, size=4096), {}) == []


def recorded(by, asked, **own):
    """A source over a kind that writes down what it is asked with."""

    def kind(http, positions, **options):
        asked.append((options["params"], positions))
        return iter(())

    return parts_of(kind, {"params": {"a": "1"}}, {"by": by, "pullers": 3, **own})


def test_each_value_is_a_part():
    asked = []
    parts = recorded("values", asked, param="symbol", values=("BTC", "ETH"))
    plan = parts.plan({}, NOW)

    for piece in plan:
        list(parts.pull(piece, None, {"symbol=ETH": {"next": 2}, "": {"next": 9}}))

    assert [piece.name for piece in plan] == ["symbol=BTC", "symbol=ETH"]
    assert parts.pullers == 3
    assert asked == [({"a": "1", "symbol": "BTC"}, {}), ({"a": "1", "symbol": "ETH"}, {"": {"next": 2}})]


def windows(asked=None, **own):
    given = {"from_param": "from", "to_param": "to", "start": "2026-03-08T00:00:00+00:00"}
    own = {**given, "step": 86400.0, "format": "iso", "lookback": 3600.0, **own}
    return recorded("windows", [] if asked is None else asked, **own)


@pytest.mark.parametrize(
    ("format", "first", "last"),
    [
        (
            "iso",
            ("2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"),
            ("2026-03-10T00:00:00Z", "2026-03-10T12:00:00Z"),
        ),
        ("date", ("2026-03-08", "2026-03-09"), ("2026-03-10", "2026-03-10")),
        ("epoch", ("1772928000", "1773014400"), ("1773100800", "1773144000")),
    ],
)
def test_windows_reach_up_to_now(format, first, last):
    asked = []
    parts = windows(asked, format=format)

    for piece in parts.plan({}, NOW):
        list(parts.pull(piece, None, {}))

    sent = [(params["from"], params["to"]) for params, _ in asked]
    assert (len(sent), sent[0], sent[-1]) == (3, first, last)


def test_window_that_has_settled_is_not_asked_again():
    """It was read to its end, by a run that began when its end was long enough ago."""
    day = {n: f"2026-03-0{n}T00:00:00+00:00" for n in (8, 9)}
    settled = datetime(2026, 3, 10, 2, tzinfo=UTC)
    standing = {
        day[8]: ({}, settled),
        day[9]: ({}, settled - timedelta(hours=1, minutes=30)),
    }

    names = [piece.name for piece in windows().plan(standing, NOW)]
    cut_short = [piece.name for piece in windows().plan({day[8]: ({"next": {}}, settled)}, NOW)]

    assert names == [day[9], "2026-03-10T00:00:00+00:00"]
    assert day[8] in cut_short


def test_too_many_parts_are_refused():
    with pytest.raises(SourceBroken, match="more than 10000 parts"):
        windows(step=1.0).plan({}, NOW)


def test_parts_of_another_declaration_are_refused(tmp_path):
    piece = recorded("values", [], param="symbol", values=("BTC",)).plan({}, NOW)[0]

    with pytest.raises(SourceBroken, match="in another way"):
        list(windows().pull(piece, None, {}))
