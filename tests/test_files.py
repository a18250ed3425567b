"""Files that are whole, or not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sgan_utils.support.errors import FileError
from sgan_utils.support.files import A_DAY, in_use, write_whole


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


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own(tmp_path, umask, mode):
    path, before = tmp_path / "note.txt", os.umask(umask)
    try:
        write_whole(path, lambda part: part.write_text("new"))
        assert path.stat().st_mode & 0o777 == mode
        path.chmod(0o640)
        write_whole(path, lambda part: part.write_text("newer"))
    finally:
        os.umask(before)
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o640, "newer")


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    for name, target in (("link", "real.txt"), ("broken", "new.txt")):
        (tmp_path / name).symlink_to(target)
        write_whole(tmp_path / name, lambda part: part.write_text("new"))
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_text() == "new"


def test_what_is_no_file_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    words = {tmp_path: "is a folder", tmp_path / "pipe": "a device or a pipe", Path("/dev/null"): "a device or a pipe"}
    words |= {tmp_path / "loop": "cannot be written", tmp_path / "pipe" / "below": "cannot be written"}
    for path, sentence in words.items():
        with pytest.raises(FileError, match=sentence):
            write_whole(path, lambda part: part.write_text("new"))
    assert (tmp_path / "pipe").is_fifo()
    assert Path("/dev/null").is_char_device()


def test_what_killed_processes_left_is_removed_after_a_day_and_nothing_else_is(tmp_path):
    names = [f".note.sgan-part-{16 * digit}.txt" for digit in "abc"]
    names += [".note.txt", f".other.sgan-part-{16 * 'd'}.txt"]
    for name in names:
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (time.time() - 2 * A_DAY,) * 2)
    os.utime(tmp_path / names[2])  # somebody is writing it
    write_whole(tmp_path / "note.txt", lambda part: part.write_text("new"))
    assert {path.name for path in tmp_path.iterdir()} == {"note.txt", *names[2:]}


def test_a_name_of_the_longest_kind_can_be_written(tmp_path):
    write_whole(tmp_path / ("n" * 251 + ".txt"), lambda part: part.write_text("new"))
    with pytest.raises(FileError, match="File name too long"):
        write_whole(tmp_path / ("n" * 300), lambda part: part.write_text("new"))


# Files in use


def test_a_file_in_use_is_refused_and_free_again_when_its_process_is_killed(tmp_path):
    path = tmp_path / "run.safetensors"
    holds = """
import sys, time
from sgan_utils.support.files import in_use
with in_use(sys.argv[1]):
    print("held", flush=True)
    time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", holds, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FileError, match="is in use by another run: wait for its end, or name"), in_use(path):
            pass
        other.kill()
    with in_use(path), pytest.raises(FileError, match="in use"), in_use(path):
        pass
    assert list(tmp_path.iterdir()) == []


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
