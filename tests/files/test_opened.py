"""What is opened below the root, and what is not, also when somebody swaps it in that moment."""

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from ingest.errors import SourceBroken
from ingest.files.opened import opened
from ingest.kinds.csv_file import csv_file

GOOD, SECRET = b"id\ngood\n", b"id\nsecret\n"
NAME = "one/two/a.csv"
ROUNDS = 350
NOBODY = 65534


@pytest.fixture
def root(tmp_path):
    """A root with one file, two folders down, and outside of it a tree of the same names with a secret."""
    for place, body in ((tmp_path / "root", GOOD), (tmp_path / "away", SECRET)):
        (place / "one" / "two").mkdir(parents=True)
        (place / NAME).write_bytes(body)
    return tmp_path / "root"


def read(root, name=NAME):
    with opened(root, name) as file:
        return file.read()


def refused(root, name, match):
    with pytest.raises(SourceBroken, match=match) as caught:
        read(root, name)

    assert caught.value.kind == "file"


def test_opens_below_the_root(root):
    assert read(root) == GOOD


def test_root_may_be_a_link(root, tmp_path):
    """It is the operator's own, as in a container whose volume is mounted through one."""
    (tmp_path / "mounted").symlink_to(root)

    assert read(tmp_path / "mounted") == GOOD


@pytest.mark.parametrize(
    "name",
    [
        *("../away/one/two/a.csv", "one/../../away/one/two/a.csv", "..", "one/.."),
        *("/etc/passwd", "//etc/passwd", "", "."),
    ],
)
def test_way_out_is_refused(root, name):
    refused(root, name, "leads out of FILES_ROOT")


@pytest.mark.parametrize("name", ["a\0.csv", "one/two/a.csv\0", "a\n.csv", "\ud800.csv", "\u202ea.csv"])
def test_unprintable_name_is_refused(root, name):
    refused(root, name, "not a name that can be kept")


@pytest.mark.parametrize("target", ["../away/one", "one/two", "gone"])
def test_linked_folder_is_refused(root, target):
    """Also one that leads to a place inside: a rule without exceptions cannot be got round."""
    (root / "linked").symlink_to(target)

    refused(root, "linked/a.csv", "symbolic link")


@pytest.mark.parametrize("target", ["../away/one/two/a.csv", "one/two/a.csv", "gone", "linked.csv", "one"])
def test_linked_file_is_refused(root, target):
    (root / "linked.csv").symlink_to(target)

    refused(root, "linked.csv", "is a symbolic link")


def test_folder_is_refused(root):
    refused(root, "one", "not a regular file")


def test_file_is_no_folder(root):
    refused(root, f"{NAME}/b.csv", "no folder")


def test_pipe_does_not_block(root):
    os.mkfifo(root / "a.csv")

    refused(root, "a.csv", "not a regular file")


def test_socket_is_refused(root, monkeypatch):
    monkeypatch.chdir(root)  # the path of a socket may have 107 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.csv")

    refused(root, "a.csv", "not a regular file")


def test_device_is_refused(root):
    try:
        os.mknod(root / "a.csv", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")

    refused(root, "a.csv", "not a regular file|not permitted|denied")


@pytest.mark.parametrize("lost", ["one/two/a.csv", "one/two", "one"])
def test_permission_lost_is_told(root, lost, monkeypatch):
    monkeypatch.chdir(root)
    (root / lost).chmod(0)
    os.seteuid(NOBODY if os.getuid() == 0 else os.getuid())  # nothing is closed to root
    try:
        refused(Path("."), NAME, "Permission denied")
    finally:
        os.seteuid(os.getuid())
        (root / lost).chmod(0o700)


@pytest.mark.parametrize("lost", ["one/two/a.csv", "one"])
def test_lost_between_look_and_open(root, tmp_path, lost):
    (root / lost).rename(tmp_path / "lost")

    refused(root, NAME, "No such file")


@pytest.mark.parametrize("swapped", ["one", "one/two", "one/two/a.csv"])
@pytest.mark.parametrize("before", range(1, 5))
def test_swap_while_opening(root, tmp_path, swapped, before):
    """A link takes the place of a folder or of the file, before each of the calls that open."""
    with before_open(before, lambda: swap(root, tmp_path, swapped)):
        found = outcome(root)

    too_late = before > 1 + len(swapped.split("/"))
    assert found == (GOOD if too_late else None)


@pytest.mark.parametrize("swapped", ["one", "one/two", "one/two/a.csv"])
def test_swap_between_look_and_open(root, tmp_path, swapped):
    """The look is csv_file's for matching names, and what follows is its open."""
    for _ in range(ROUNDS):
        pages = csv_file(None, {}, root=root, path="one/two/*.csv")
        with before_open(1, lambda: swap(root, tmp_path, swapped)), pytest.raises(SourceBroken, match="link"):
            next(pages)
        (root / swapped).unlink()
        (tmp_path / "put aside").rename(root / swapped)

    assert read(root) == GOOD


def swap(root, tmp_path, name):
    """Put a link to the tree outside in the place of what has the name."""
    (root / name).rename(tmp_path / "put aside")
    (root / name).symlink_to(tmp_path / "away" / name)


def outcome(root):
    """What was read, or None."""
    try:
        return read(root)
    except SourceBroken:
        return None


class before_open:
    """Within, do something before the nth call of os.open: what only a lucky moment would bring otherwise."""

    def __init__(self, nth, act):
        self.nth, self.act, self.calls = nth, act, 0

    def __enter__(self):
        sys.setprofile(self.notice)

    def __exit__(self, *reason):
        sys.setprofile(None)

    def notice(self, frame, event, function):
        if event == "c_call" and function is os.open:
            self.calls += 1
            if self.calls == self.nth:
                sys.setprofile(None)
                self.act()
                sys.setprofile(self.notice)
