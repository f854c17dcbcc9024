"""F9, F10, F14: files that change while they are read, are half written, or come again; both forms."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.whole_run import Folder, counts, items, raw_bytes, rejects

HEAD = "id,name,price,note\n"


@dataclass(frozen=True)
class Form:
    """How a file is written."""

    suffix: str
    head: str
    line: Callable[[int, str], str]

    def table(self, first: int, last: int, name: str = "name") -> str:
        """Records by their numbers."""
        return "".join(self.line(number, f"{name} {number}") + "\n" for number in range(first, last))

    @property
    def old(self) -> str:
        """More than is read at once, so that the rest of the file is still to be read when it changes."""
        return self.head + self.table(0, 30_000, "old")

    @property
    def new(self) -> str:
        """As long as the old."""
        return self.head + self.table(0, 30_000, "new")


CSV = Form(".csv", HEAD, lambda number, name: f"{number},{name},1,")
JSONL = Form(".jsonl", "", lambda number, name: f'{{"id":{number},"name":"{name}","price":1}}')


class Meddled(Folder):
    """A folder in which somebody writes as soon as the first page of the next run is loaded."""

    meddle = None

    def run(self, mode="incremental"):
        pull = self.source.pull

        def meddled(http, positions):
            pages = pull(http, positions)
            yield next(pages)
            self.meddle()
            yield from pages

        self.source.__dict__["pull"] = meddled if self.meddle else pull
        try:
            return super().run(mode)
        finally:
            self.source.__dict__["pull"], self.meddle = pull, None


@pytest.fixture(params=[CSV, JSONL], ids=["CSV", "JSON lines"])
def form(request):
    return request.param


@pytest.fixture
def folder(engine, tmp_path, form):
    return Meddled(engine, tmp_path, f"*{form.suffix}", page_size=64 * 1024)


def go_on(folder):
    """The run that was put back, executed again, as if its time had come."""
    with folder.db.begin() as tx:
        tx.exec_driver_sql("UPDATE runs SET state = 'cancelled', finished_at = now() WHERE state = 'queued'")
    return folder.run()


AFTER = {
    "as long": (30_000, lambda form: form.new),
    "shorter": (10_000, lambda form: form.head + form.table(0, 10_000, "new")),
    "empty": (0, lambda form: ""),
    "header alone": (0, lambda form: form.head),
}


@pytest.mark.parametrize(("many", "after"), AFTER.values(), ids=AFTER.keys())
def test_rewritten_in_place_is_put_back(folder, form, many, after):
    """F9: no page is loaded of which a half is old and a half is new."""
    path = folder.write(form.old, f"a{form.suffix}")

    def rewrite():
        path.write_text(after(form))
        os.utime(path, ns=(1, 1))

    folder.meddle = rewrite
    row = folder.run()

    assert row["state"] == "queued"
    assert f"a{form.suffix}" in row["error_message"]
    assert "changed while it was read" in row["error_message"]
    assert form.old.encode().startswith(raw_bytes(folder.db, row["id"]))

    again = go_on(folder)
    assert again["state"] == "succeeded"
    assert raw_bytes(folder.db, again["id"]) == (after(form).encode() if many else b"")
    expected = {f"new {number}" for number in range(many)}
    assert expected <= {name for name, _, _ in items(folder.db).values()}


def test_replaced_by_another_is_read_to_its_end(folder, form):
    """F9: a rename leaves the file that is open as it was; the next run finds the new one."""
    folder.write(form.old, f"a{form.suffix}")
    other = folder.write(form.new, "b.txt")
    folder.meddle = lambda: other.rename(folder.root / f"a{form.suffix}")

    assert counts(folder.run()) == {"fetched": 30_000, "inserted": 30_000}
    assert counts(folder.run()) == {"fetched": 30_000, "updated": 30_000}


def test_deleted_while_it_is_read(folder, form):
    """F9: a file that is open is read to its end; the next run misses it."""
    path = folder.write(form.old, f"a{form.suffix}")
    folder.meddle = path.unlink

    assert counts(folder.run()) == {"fetched": 30_000, "inserted": 30_000}
    assert folder.run()["error_kind"] == "file"


def test_appended_while_it_is_read(folder, form):
    """F9: what was appended comes with this run or with the next, and once."""
    path = folder.write(form.old, f"a{form.suffix}")

    def append():
        with path.open("a") as file:
            file.write(form.table(30_000, 30_100))

    folder.meddle = append
    first, second = folder.run(), folder.run()

    assert first["inserted"] + second["inserted"] == 30_100
    assert len(items(folder.db)) == 30_100
    content = raw_bytes(folder.db, first["id"]) + raw_bytes(folder.db, second["id"])
    assert content == path.read_bytes()


@pytest.mark.parametrize("form", [CSV], indirect=True)
def test_half_written_record_is_read_again(folder):
    """F10: it stands as far as it was written, and is mended by the next run."""
    path = folder.write(HEAD + "1,a,1,\n2,name 2,1,half a no")
    first = folder.run()
    with path.open("a") as file:
        file.write("te\n3,c,1,\n")
    second = folder.run()

    assert counts(first) == {"fetched": 2, "inserted": 2}
    assert counts(second) == {"fetched": 2, "inserted": 1, "updated": 1}
    assert items(folder.db)["2"][2] == "half a note"


@pytest.mark.parametrize("form", [JSONL], indirect=True)
def test_half_an_object_is_read_again(folder, form):
    """F10: it is a reject, for half an object is none, and a record for the next run."""
    whole = form.table(0, 3)
    path = folder.write(whole[:-15], "a.jsonl")
    first = folder.run()
    with path.open("a") as file:
        file.write(whole[-15:])
    second = folder.run()

    assert counts(first) == {"fetched": 3, "inserted": 2, "rejected": 1}
    assert rejects(folder.db) == [("not_json", "a.jsonl line 3")]
    assert counts(second) == {"fetched": 1, "inserted": 1}


WRITTEN = {
    "CSV": (CSV, HEAD + '1,a,1,\n2,"two\nlines",1,\n3,c,1,x\n'),
    "JSON lines": (JSONL, "".join(JSONL.line(n, name) + "\n" for n, name in enumerate("aäc", 1))),
}


@pytest.mark.parametrize(("form", "content"), WRITTEN.values(), ids=WRITTEN.keys(), indirect=["form"])
def test_written_bit_by_bit(folder, form, content):
    """F10: a run after each few bytes; at the end all records are there, and no half of one is left."""
    path = folder.write("", f"a{form.suffix}")
    for at in range(0, len(content.encode()), 3):
        with path.open("ab") as file:
            file.write(content.encode()[at : at + 3])
        folder.run()

    names = {key: values[0] for key, values in items(folder.db).items()}
    assert names == {"1": "a", "2": "two\nlines" if form is CSV else "ä", "3": "c"}


def test_same_file_again(folder, form):
    """F14: unchanged, touched, or asked for in full."""
    path = folder.write(form.head + form.table(0, 5), f"a{form.suffix}")
    folder.run()

    assert counts(folder.run()) == {}
    os.utime(path, (1, 1))
    assert counts(folder.run()) == {}
    assert counts(folder.run("full")) == {"fetched": 5, "unchanged": 5}


def test_same_content_by_another_name(folder, form):
    """F14: its records are known."""
    folder.write(form.head + form.table(0, 5), f"a{form.suffix}")
    folder.run()
    folder.write(form.head + form.table(0, 5), f"b{form.suffix}")

    assert counts(folder.run()) == {"fetched": 5, "unchanged": 5}


def test_one_record_is_edited(folder, form):
    """F14: only it is written."""
    path = folder.write(form.head + form.table(0, 5), f"a{form.suffix}")
    folder.run()
    path.write_text(path.read_text().replace("name 3", "edited"))

    assert counts(folder.run()) == {"fetched": 5, "updated": 1, "unchanged": 4}
    assert items(folder.db)["3"][0] == "edited"
