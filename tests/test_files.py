"""Files that are whole, or not there."""

import signal
import subprocess
import sys

import pytest

from sgan_utils.support.files import write_whole


def test_the_new_content_stands_at_the_path(tmp_path):
    path = tmp_path / "note.txt"
    write_whole(path, lambda part: part.write_text("new"))
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old and longer")
    write_whole(path, lambda part: part.write_text("new"))
    assert path.read_text() == "new"


def test_folders_on_the_way_are_made(tmp_path):
    write_whole(str(tmp_path / "a" / "b" / "note.txt"), lambda part: part.write_text("new"))
    assert (tmp_path / "a" / "b" / "note.txt").read_text() == "new"


def test_the_writer_sees_a_file_with_the_same_ending_in_the_same_folder(tmp_path):
    seen = []
    write_whole(tmp_path / "table.csv", lambda part: (seen.append(part), part.write_text("1")))
    assert seen[0].suffix == ".csv"
    assert seen[0].parent == tmp_path
    assert seen[0] != tmp_path / "table.csv"


def test_others_may_read_the_file(tmp_path):
    write_whole(tmp_path / "note.txt", lambda part: part.write_text("new"))
    assert (tmp_path / "note.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("reason", [ValueError("bad"), OSError("disk full"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, reason):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def fail_half_way(part):
        part.write_text("ne")
        raise reason

    with pytest.raises(type(reason)):
        write_whole(path, fail_half_way)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_nothing_where_nothing_was(tmp_path):
    def fail(part):
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        write_whole(tmp_path / "note.txt", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_file(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    script = """
import os, signal, sys
from sgan_utils.support.files import write_whole

def die_half_way(part):
    part.write_text("ne")
    os.kill(os.getpid(), signal.SIGKILL)

write_whole(sys.argv[1], die_half_way)
"""
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
