"""The lock of a shared file: nothing is lost, one waits no longer than asked, and a crash blocks nobody."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sgan_utils.support.errors import SGANError
from sgan_workshop.studies.lock import locked

ROOT = Path(__file__).resolve().parent.parent
APPEND = """
import sys, time
from pathlib import Path
from sgan_workshop.studies.lock import locked
path = Path(sys.argv[1])
for number in range(25):
    with locked(path):
        lines = path.read_text() if path.exists() else ""
        time.sleep(0.001)
        path.write_text(lines + f"{sys.argv[2]}-{number}\\n")
"""
HOLD = """
import sys, time
from pathlib import Path
from sgan_workshop.studies.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def start(code, *words):
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_four_processes_write_one_file_and_nothing_is_lost(tmp_path):
    path = tmp_path / "new" / "rows.csv"
    running = [start(APPEND, path, name) for name in "abcd"]
    assert [process.communicate(timeout=120) and process.returncode for process in running] == [0] * 4
    expected = {f"{name}-{number}" for name in "abcd" for number in range(25)}
    assert sorted(path.read_text().split()) == sorted(expected)


def test_one_waits_no_longer_than_asked_and_a_killed_process_blocks_nobody(tmp_path):
    path = tmp_path / "rows.csv"
    with start(HOLD, path) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            began = time.monotonic()
            (tmp_path / "link.csv").symlink_to(path)
            for name in ("rows.csv", "link.csv"):
                with pytest.raises(SGANError, match="in use by another process"), locked(tmp_path / name, 0.2):
                    pass
            assert time.monotonic() - began < 10
        finally:
            holder.kill()
            holder.wait()
    with locked(path, 5):
        pass


def test_an_error_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "rows.csv"):
        _ = 1 / 0
    with locked(tmp_path / "rows.csv", 0):
        pass


def test_a_place_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SGANError, match=r"cannot be locked \(.+\): choose another place"), locked(tmp_path / "file/x"):
        pass
