"""F9, F10, F14: files that change while they are read, are half written, or come again."""

import os

import pytest

from tests.faults.whole_run import Folder, counts, items, raw_bytes

HEAD = "id,name,price,note\n"


def table(first, last, name="name"):
    return "".join(f"{number},{name} {number},1,\n" for number in range(first, last))


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


@pytest.fixture
def folder(engine, tmp_path):
    return Meddled(engine, tmp_path, page_size=64 * 1024)


def go_on(folder):
    """The run that was put back, executed again, as if its time had come."""
    with folder.db.begin() as tx:
        tx.exec_driver_sql("UPDATE runs SET state = 'cancelled', finished_at = now() WHERE state = 'queued'")
    return folder.run()


# More than is read at once, so that the rest of the file is still to be read when it changes.
OLD = HEAD + table(0, 30_000, "old")
NEW = HEAD + table(0, 30_000, "new")


@pytest.mark.parametrize(
    "after",
    [NEW, HEAD + table(0, 10_000, "new"), "", HEAD],
    ids=["as long", "shorter", "empty", "header alone"],
)
def test_rewritten_in_place_is_put_back(folder, after):
    """F9: no page is loaded of which a half is old and a half is new."""
    path = folder.write(OLD)

    def rewrite():
        path.write_text(after)
        os.utime(path, ns=(1, 1))

    folder.meddle = rewrite
    row = folder.run()

    assert row["state"] == "queued"
    assert "a.csv" in row["error_message"]
    assert "changed while it was read" in row["error_message"]
    assert OLD.encode().startswith(raw_bytes(folder.db, row["id"]))

    again = go_on(folder)
    assert again["state"] == "succeeded"
    assert raw_bytes(folder.db, again["id"]) == (b"" if after in ("", HEAD) else after.encode())
    expected = {line.split(",")[1] for line in after.splitlines()[1:]}
    assert expected <= {name for name, _, _ in items(folder.db).values()}


def test_replaced_by_another_is_read_to_its_end(folder):
    """F9: a rename leaves the file that is open as it was; the next run finds the new one."""
    folder.write(OLD)
    other = folder.write(NEW, "b.txt")
    folder.meddle = lambda: other.rename(folder.root / "a.csv")

    assert counts(folder.run()) == {"fetched": 30_000, "inserted": 30_000}
    assert counts(folder.run()) == {"fetched": 30_000, "updated": 30_000}


def test_deleted_while_it_is_read(folder):
    """F9: a file that is open is read to its end; the next run misses it."""
    path = folder.write(OLD)
    folder.meddle = path.unlink

    assert counts(folder.run()) == {"fetched": 30_000, "inserted": 30_000}
    assert folder.run()["error_kind"] == "file"


def test_appended_while_it_is_read(folder):
    """F9: what was appended comes with this run or with the next, and once."""
    path = folder.write(OLD)

    def append():
        with path.open("a") as file:
            file.write(table(30_000, 30_100))

    folder.meddle = append
    first, second = folder.run(), folder.run()

    assert first["inserted"] + second["inserted"] == 30_100
    assert len(items(folder.db)) == 30_100
    content = raw_bytes(folder.db, first["id"]) + raw_bytes(folder.db, second["id"])
    assert content == path.read_bytes()


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


def test_written_bit_by_bit(folder):
    """F10: a run after each few bytes; at the end all records are there, and no half of one is left."""
    content = HEAD + '1,a,1,\n2,"two\nlines",1,\n3,c,1,x\n'
    path = folder.write("")
    for at in range(0, len(content), 3):
        with path.open("a") as file:
            file.write(content[at : at + 3])
        folder.run()

    assert {key: values[0] for key, values in items(folder.db).items()} == {
        "1": "a",
        "2": "two\nlines",
        "3": "c",
    }


def test_same_file_again(folder):
    """F14: unchanged, touched, or asked for in full."""
    path = folder.write(HEAD + table(0, 5))
    folder.run()

    assert counts(folder.run()) == {}
    os.utime(path, (1, 1))
    assert counts(folder.run()) == {}
    assert counts(folder.run("full")) == {"fetched": 5, "unchanged": 5}


def test_same_content_by_another_name(folder):
    """F14: its records are known."""
    folder.write(HEAD + table(0, 5))
    folder.run()
    folder.write(HEAD + table(0, 5), "b.csv")

    assert counts(folder.run()) == {"fetched": 5, "unchanged": 5}


def test_one_record_is_edited(folder):
    """F14: only it is written."""
    path = folder.write(HEAD + table(0, 5))
    folder.run()
    path.write_text(path.read_text().replace("name 3", "edited"))

    assert counts(folder.run()) == {"fetched": 5, "updated": 1, "unchanged": 4}
    assert items(folder.db)["3"][0] == "edited"
