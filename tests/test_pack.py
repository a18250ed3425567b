"""The folder for a stick: whole, and its start script installs from it alone, once."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from sgan_utils.support.errors import SGANError
from sgan_workshop.publish import pack as packing
from sgan_workshop.publish.notebooks import lesson_paths

FIRST = lesson_paths()[:1]  # a page takes a second or two


@pytest.fixture
def stick(tmp_path, monkeypatch):
    """A packed folder; pip only notes down what it is asked for."""
    asked = []

    def pip(command, **named):
        asked.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(packing.subprocess, "run", pip)
    monkeypatch.setattr(packing, "lesson_paths", lambda: FIRST)
    packing.pack(tmp_path / "stick")
    return SimpleNamespace(folder=tmp_path / "stick", asked=asked)


def test_a_stick_has_the_project_and_its_pages_and_asks_for_wheels_of_all_that_a_learner_needs(stick):
    project = stick.folder / "project"
    for name in ("pyproject.toml", "constraints.txt", "notebooks/01_data.ipynb", "data/MNIST/raw"):
        assert (project / name).exists(), name
    for name in (".git", ".venv", "build", "my_lessons", "data/MNIST/raw/train-images-idx3-ubyte"):
        assert not (project / name).exists(), name
    for path in FIRST:
        assert "<h1" in (stick.folder / "pages" / f"{path.stem}.html").read_text(encoding="utf-8")
    assert (stick.folder / "pages" / "glossary.html").exists()
    (command,) = stick.asked
    assert {"torch>=2.11", "jupyterlab>=4.2", "setuptools>=77", "--only-binary=:all:"} <= set(command)
    assert not any("playwright" in part for part in command)
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}" in (stick.folder / "README.txt").read_text()


def test_a_pack_in_the_project_is_not_packed(stick):
    assert packing._left_out(str(stick.folder.parent), ["stick", "notebooks"]) == {"stick"}


def test_without_a_network_the_reason_is_given_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "lesson_paths", list)
    failed = SimpleNamespace(returncode=1, stderr="no route to host")
    monkeypatch.setattr(packing.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SGANError, match="needs a network: no route to host"):
        packing.pack(tmp_path / "stick")
    assert not (tmp_path / "stick").exists()


PYTHON = """#!/bin/sh
echo "python $@" >> "$LOG"
if [ "$2" = venv ]; then
  mkdir -p "$3/bin"
  for tool in pip sgan; do
    printf '#!/bin/sh\\necho "%s $@" >> "$LOG"\\n' $tool > "$3/bin/$tool"; chmod +x "$3/bin/$tool"
  done
fi
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has start.bat")
def test_the_start_script_installs_once_and_from_the_stick_alone(stick, tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    log = tmp_path / "log"
    ours = {"SGAN_HOME": str(tmp_path / "a home"), "PYTHON": str(tmp_path / "python"), "LOG": str(log)}
    start = ["sh", str(stick.folder / "start.sh")]
    subprocess.run(start, env=os.environ | ours, check=True)
    supported, venv, pip, sgan = log.read_text().splitlines()
    assert supported == "python -m sgan_workshop.commands.supported"
    assert venv == "python -m venv .venv"
    assert f"--no-index --find-links {stick.folder}/wheels" in pip
    assert sgan == "sgan lab"
    log.unlink()
    subprocess.run([*start, "lessons", "--only", "01"], env=os.environ | ours, check=True)
    assert log.read_text() == "sgan lessons --only 01\n"
